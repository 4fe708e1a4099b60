package redact

import "strings"

// class says what a name promises about its value, and so how much the value itself must look like a secret.
type class uint8

const (
	notSecret class = iota
	// passwordClass: any value, even a plain word, is secret.
	passwordClass
	// phraseClass: like a password, but of several words.
	phraseClass
	// tokenClass: the value holds more than letters, or is long.
	tokenClass
	// keyClass: the name alone says little ("key", "auth", "sig"); the value must look random.
	keyClass
	// headerClass: the rest of the line or the quoted string is the value.
	headerClass
	// cookieClass: a list of name=value pairs.
	cookieClass
)

// nameKeys are what the search looks for to find names. Each is part of at least one name of [nameOf].
var nameKeys = []string{"pass", "pwd", "secret", "token", "key", "cred", "auth", "psk", "mnemonic", "phrase", "sig=",
	"signature", "sess", "cookie", "totp", "otp_", "bearer", "jwt", "_pw", "-pw", "rootpw", "bindpw", "sid=", "webhook_url", "connect.sid",
	"seed"}

// trailing words say which value, not what it is, so they do not count: DB_PASSWORD_PROD, secret_key_base, token2.
var trailing = map[string]bool{"prod": true, "production": true, "dev": true, "staging": true, "stage": true,
	"test": true, "live": true, "old": true, "new": true, "current": true, "previous": true, "value": true,
	"b64": true, "base64": true, "base": true, "data": true, "plain": true, "plaintext": true, "text": true,
	"raw": true, "string": true, "default": true, "primary": true, "secondary": true, "main": true, "backup": true}

// passOf are what stands before "pass" in one word where it means a password; bypass and compass are words of their own.
var passOf = map[string]bool{"require": true, "auth": true, "user": true, "db": true, "root": true, "admin": true, "store": true,
	"keystore": true, "truststore": true, "srcstore": true, "deststore": true, "key": true, "srckey": true, "destkey": true,
	"smtp": true, "mail": true, "imap": true, "ldap": true, "bind": true, "ssh": true, "ftp": true, "http": true, "proxy": true,
	"redis": true, "mysql": true, "pg": true, "become": true, "sudo": true, "wifi": true, "vnc": true, "ca": true, "login": true, "my": true}

// before "token", these words make it part of a text, a page or a grammar.
var plainToken = map[string]bool{"next": true, "page": true, "eos": true, "bos": true, "pad": true, "unk": true,
	"sep": true, "cls": true, "mask": true, "continuation": true, "cancellation": true, "start": true, "end": true,
	"stop": true, "special": true, "max": true, "min": true, "num": true, "per": true, "invalidation": true,
	"lex": true, "starting": true, "pagination": true, "backward": true, "forward": true, "sequence": true, "marker": true, "last": true, "first": true, "prev": true, "cancel": true, "ct": true, "client": true, "idempotency": true,
	"change": true, "creation": true, "request": true, "lock": true, "resume": true, "unexpected": true, "multiline": true}

// before "key", these words make it a secret.
var secretKey = map[string]bool{"api": true, "access": true, "secret": true, "private": true, "encryption": true,
	"encrypt": true, "signing": true, "sign": true, "master": true, "storage": true, "account": true, "auth": true,
	"license": true, "shared": true, "symmetric": true, "decryption": true, "admin": true, "deploy": true,
	"hmac": true, "aes": true, "jwt": true, "webhook": true, "unseal": true, "preshared": true, "pre": true,
	"subscription": true, "tls": true, "service": true, "app": true, "authentication": true, "role": true,
	"recovery": true, "cipher": true, "secretaccess": true, "rsa": true, "ingest": true, "server": true, "consumer": true}

// nameOf splits a name in snake, kebab, dotted, camel or Pascal case into words and classifies it by the last ones:
// PASSWORD_FILE is a file and max_tokens a number, but dbPassword is a password. kind is the label of the mark.
func nameOf(name []byte) (kind string, c class) {
	var buf [12]string
	words := buf[:0]
	low := strings.ToLower(string(name))
	start := 0
	for i := 0; i <= len(name); i++ {
		cut, skip := i == len(name), 0
		if !cut {
			ch := name[i]
			switch {
			case ch == '_' || ch == '-' || ch == '.' || ch == '$':
				cut, skip = true, 1
			case i > start && isUpper(ch) && (isLower(name[i-1]) || isDigit(name[i-1])):
				cut = true
			case i > start && isUpper(ch) && isUpper(name[i-1]) && i+1 < len(name) && isLower(name[i+1]):
				cut = true
			}
		}
		if cut {
			if i > start && len(words) < cap(words) {
				words = append(words, low[start:i])
			}
			start = i + skip
		}
	}
	for len(words) > 1 {
		w := words[len(words)-1]
		if !trailing[w] && strings.Trim(w, "0123456789") != "" {
			break
		}
		words = words[:len(words)-1]
	}
	if len(words) == 0 {
		return "", notSecret
	}
	w := strings.TrimRight(words[len(words)-1], "0123456789")
	prev := ""
	if len(words) > 1 {
		prev = words[len(words)-2]
	}
	has := func(s string) bool { return strings.HasSuffix(w, s) }
	switch {
	case prev == "no" || prev == "is" || prev == "has" || prev == "use" || prev == "ask" || prev == "need" || strings.HasPrefix(w, "nopass"):
		return "", notSecret
	case has("passphrase"), w == "phrase" && (prev == "backup" || prev == "mnemonic" || prev == "pass" || prev == "seed" || prev == "recovery" || prev == "secret"):
		return "passphrase", phraseClass
	case has("mnemonic"):
		return "mnemonic", phraseClass
	case has("password"), has("passwd"), has("passwort"), has("passcode"), w == "pwd" || w == "pass",
		len(words) > 1 && w == "pw", has("pwd") && w != "oldpwd" && w != "cwd", w == "word" && prev == "pass", w == "passin" || w == "passout":
		return "password", passwordClass
	case has("pass") && passOf[w[:len(w)-4]]:
		return "password", passwordClass
	case w == "masterauth", w == "bindpw", w == "rootbindpw", w == "rootpw":
		return "password", passwordClass
	case has("secret"):
		return "secret", tokenClass
	case has("token"):
		if plainToken[prev] {
			return "", notSecret
		}
		return "token", tokenClass
	case w == "authorization":
		return "authorization", headerClass
	case w == "cookie":
		return "cookie", cookieClass
	case w == "psk" || w == "presharedkey" || w == "totp" || w == "otp" && len(words) > 1 || w == "wpapsk":
		return "pre-shared-key", tokenClass
	case w == "key" && len(words) > 1 && secretKey[prev], has("apikey"), has("secretkey"), has("accesskey"),
		has("privatekey"), has("authkey"), has("masterkey"), has("accountkey"), has("encryptionkey"):
		if strings.Contains(low, "secret") && strings.Contains(low, "access") {
			return "aws-secret-access-key", tokenClass
		}
		if prev == "private" || has("privatekey") {
			return "private-key", tokenClass
		}
		return "api-key", tokenClass
	case w == "key" && prev == "client" && strings.HasSuffix(low, "data"):
		return "private-key", tokenClass
	case w == "key" && (prev == "public" || prev == "primary" || prev == "foreign" || prev == "cache" || prev == "sort" || prev == "partition" || prev == "pub" || prev == "host" || prev == "verifier" || prev == "verification"):
		return "", notSecret
	case w == "key" && len(words) > 1, w == "keys" && len(words) > 1 && secretKey[prev]:
		return "api-key", keyClass
	case w == "credential" || w == "credentials" || w == "creds":
		return "credential", keyClass
	case w == "auth", w == "sig", w == "signature", w == "seed", w == "bearer", w == "jwt", w == "url" && prev == "webhook",
		w == "sessionid" || w == "phpsessid" || w == "jsessionid" || w == "session" || w == "id" && (prev == "session" || prev == "sess"),
		w == "sid" && len(words) > 1 && prev != "account":
		return "credential", keyClass
	}
	return "", notSecret
}

func isAlpha(c byte) bool { return isUpper(c) || isLower(c) }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlnum(c byte) bool { return isUpper(c) || isLower(c) || isDigit(c) }
func isWord(c byte) bool  { return isAlnum(c) || c == '_' }
func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == 0 || c == '\v' || c == '\f'
}

// plainValues never are secrets, whatever the name says: types, states and the words that stand in for a secret.
var plainValues = func() map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(`null nil none true false undefined empty string str int bool bytes byte text varchar
		char any object optional required default enabled disabled yes no on off unset set unknown missing invalid
		incorrect wrong expired failed failure changed updated accepted rejected denied changeme change_me change-me example
		placeholder redacted todo tbd password passwd secret token key hidden masked removed number void never ask prompt
		stdin env file self static const var let func function return new delete from import plain basic bearer digest
		oauth oauth2 openid oidc jwt ldap kerberos sufficient requisite include substack
		ok hash hashed encrypted ciphertext value your-password yourpassword mypassword my-password your_password
		your-secret your-token your_token your_secret my-secret my-token string? error reset rotated
		sha256 sha512 md5 scram-sha-256 trust peer ident reject cert pam gss omitted sensitive unchanged internal
		private public type name user username uuid id
		compat files systemd sss winbind sample opensesame`) {
		m[w] = true
	}
	return m
}()
