package telemetry

import "testing"

func TestParseTraceparent(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	c, err := ParseTraceparent(good)
	if err != nil || !c.Valid() || !c.Sampled || c.Trace[0] != 0x0a || c.Span[7] != 0x31 {
		t.Fatal(c, err)
	}
	if child := c.Child(); child.Trace != c.Trace || child.Span == c.Span {
		t.Fatal(child)
	}
	if c, err = ParseTraceparent(good[:len(good)-1] + "0"); err != nil || c.Sampled {
		t.Fatal(c, err)
	}
	// A later version may have more.
	if _, err := ParseTraceparent("01" + good[2:] + "-more"); err != nil {
		t.Fatal(err)
	}
	if c, err := ParseTraceparent(""); err != nil || c.Valid() {
		t.Fatal(c, err)
	}
	for _, bad := range []string{
		"x", "00", good + "-more", "ff" + good[2:], "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033-01", "00-zaf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	} {
		if c, err := ParseTraceparent(bad); err == nil || c.Valid() {
			t.Errorf("%s: %+v %v", bad, c, err)
		}
	}
	if a, b := Root(), Root(); a.Trace == b.Trace || !a.Valid() || !a.Sampled {
		t.Error(a, b)
	}
}
