// Package snapshot is the file format of a session's state: JSON, encrypted and authenticated with age
// (https://age-encryption.org/v1), for a passphrase or for recipients.
//
// A flipped bit anywhere makes [Unseal] fail: age authenticates its header and every chunk. What is inside is still data
// from a file and not trusted: whoever restores it has the policy judge the functions and aliases, which are code.
package snapshot
