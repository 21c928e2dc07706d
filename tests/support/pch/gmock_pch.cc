// Exists so that the precompiled gmock header has a target to live in.
