//! The keys: sealing and unsealing personal parts. Knows `domain` and its own store, never HTTP.
