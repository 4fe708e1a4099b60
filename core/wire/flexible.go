package wire

import "encoding/json"

// Strings is a list that may also be written as one string.
type Strings []string

// UnmarshalJSON reads a string or a list of strings.
func (s *Strings) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*s = Strings{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(s))
}

// Network is true, false or the TCP ports that may be connected to.
type Network struct {
	All   bool
	Ports []uint16
}

// UnmarshalJSON reads a boolean or a list of ports.
func (n *Network) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &n.All) == nil {
		return nil
	}
	return json.Unmarshal(text, &n.Ports)
}

// MarshalJSON writes what UnmarshalJSON reads.
func (n Network) MarshalJSON() ([]byte, error) {
	if n.Ports != nil {
		return json.Marshal(n.Ports)
	}
	return json.Marshal(n.All)
}

// PathOrFalse is a path, or false to say that there is to be none.
type PathOrFalse struct {
	Path string
	None bool
}

// UnmarshalJSON reads a string, or a boolean of which true means the default.
func (p *PathOrFalse) UnmarshalJSON(text []byte) error {
	var use bool
	if json.Unmarshal(text, &use) == nil {
		*p = PathOrFalse{None: !use}
		return nil
	}
	return json.Unmarshal(text, &p.Path)
}

// MarshalJSON writes what UnmarshalJSON reads.
func (p PathOrFalse) MarshalJSON() ([]byte, error) {
	if p.Path != "" {
		return json.Marshal(p.Path)
	}
	return json.Marshal(!p.None)
}
