module github.com/execkit/execkit/bench/output

go 1.26.0

require (
	github.com/execkit/execkit v0.0.0
	github.com/tiktoken-go/tokenizer v0.10.0
)

require (
	github.com/dlclark/regexp2/v2 v2.5.1 // indirect
	github.com/goccy/go-json v0.12.0 // indirect
)

replace github.com/execkit/execkit => ../..
