package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// The parameters of new hashes: the second choice of OWASP's cheat sheet, which
// fits small machines. A hash carries its own.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
)

// What a hash may ask for: it comes from the configuration, and a typing error
// must not take the machine's memory.
const (
	maxArgonMemory  = 1 << 20 // KiB
	maxArgonTime    = 32
	maxArgonThreads = 16
	maxBcryptCost   = 15
)

// minPassword is the least length of a password that is hashed by Pitot.
const minPassword = 10

// maxPassword bounds what is hashed.
const maxPassword = 1024

// HashPassword returns the argon2id hash of a password in the PHC string format.
func HashPassword(password string) (string, error) {
	if len(password) < minPassword {
		return "", fmt.Errorf("the password has %d bytes: use at least %d", len(password), minPassword)
	}
	if len(password) > maxPassword {
		return "", fmt.Errorf("the password has %d bytes: use at most %d", len(password), maxPassword)
	}
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, enc.EncodeToString(salt), enc.EncodeToString(key)), nil
}

// argonHash is an argon2id hash taken apart.
type argonHash struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

var errHashForm = errors.New("not a password hash: make one with `pitot auth hash`")

// CheckHash says what is wrong with the hash of a password.
func CheckHash(hash string) error {
	if isBcrypt(hash) {
		cost, err := bcrypt.Cost([]byte(hash))
		switch {
		case err != nil:
			return errHashForm
		case cost > maxBcryptCost:
			return fmt.Errorf("the bcrypt cost is %d: use at most %d", cost, maxBcryptCost)
		}
		return nil
	}
	_, err := parseArgon(hash)
	return err
}

func isBcrypt(hash string) bool {
	return strings.HasPrefix(hash, "$2a$") || strings.HasPrefix(hash, "$2b$") || strings.HasPrefix(hash, "$2y$")
}

func parseArgon(hash string) (*argonHash, error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return nil, errHashForm
	}
	if parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return nil, fmt.Errorf("the hash has %s: only v=%d is known", parts[2], argon2.Version)
	}
	var h argonHash
	for p := range strings.SplitSeq(parts[3], ",") {
		name, value, _ := strings.Cut(p, "=")
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return nil, errHashForm
		}
		switch {
		case name == "m" && n >= 8 && n <= maxArgonMemory:
			h.memory = uint32(n)
		case name == "t" && n >= 1 && n <= maxArgonTime:
			h.time = uint32(n)
		case name == "p" && n >= 1 && n <= maxArgonThreads:
			h.threads = uint8(n)
		default:
			return nil, fmt.Errorf("the hash asks for %s, which is not known or too much: make one with `pitot auth hash`", p)
		}
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	h.key, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(h.salt) < 8 || len(h.key) < 16 || len(h.key) > 128 || h.memory == 0 || h.time == 0 || h.threads == 0 {
		return nil, errHashForm
	}
	return &h, nil
}

// verify says whether a password has a hash.
func verify(hash, password string) bool {
	if len(password) > maxPassword {
		return false
	}
	if isBcrypt(hash) {
		return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
	}
	h, err := parseArgon(hash)
	if err != nil {
		return false
	}
	key := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}
