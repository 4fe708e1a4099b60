// Package tokens compares the estimate of core/budget with the real tokenizers; the subcommand fit makes its table.
package tokens
