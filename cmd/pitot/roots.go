package main

// The authorities that Mozilla trusts, for images from scratch that bring no
// certificates: without them no provider could be called. Where the system has
// its own, those count.
import _ "golang.org/x/crypto/x509roots/fallback"
