package engine

import _ "embed" // the file below

//go:embed supervisor/linux_amd64.bin
var supervisorProgram string
