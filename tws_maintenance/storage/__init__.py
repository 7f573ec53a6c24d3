"""Writing files whole, holding locks, and fingerprints of bytes."""
