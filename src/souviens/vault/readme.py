"""What README.txt in every vault says: how to read it without us."""

README = """This folder is a souviens vault: one person's history with AI models, kept by that person.

  VAULT.json   which keys open it (nothing secret is in it; without it an encrypted vault cannot be opened: keep a copy)
  truth.db     everything that matters: the exports as they came, conversations, memories, attachments
  index-N.db   what search needs; can be deleted at any time and is made again

With souviens:     souviens --vault THIS_FOLDER list
                   souviens --vault THIS_FOLDER export -o everything.jsonl      plain JSON lines of all that is here
                   souviens --vault THIS_FOLDER export SOURCE --original -o DIR the files exactly as they came

Without souviens:  truth.db is an SQLite 3 database. If VAULT.json says "cipher": "none" any SQLite opens it. If it says
  "chacha20", it is encrypted in the format of SQLite3 Multiple Ciphers (sqleet, ChaCha20-Poly1305 pages):
  1. undo one of the "wraps": the wrapping key is Argon2id(passphrase, salt, passes, memory) of 32 bytes for "passphrase";
     BLAKE2b-256(secret, salt=salt, person=way) for the others. For "keyfile" the secret is the text after
     "souviens-key-1:"; for "recovery" the 32 characters of the code without hyphens. Salt and box are base64; the box is
     a NaCl secretbox (nonce first) and holds the 32-byte data key.
  2. the key of truth.db is HMAC-SHA256(data key, "souviens/1/truth.db"); open it with
     PRAGMA cipher='chacha20'; PRAGMA key='raw:<64 hex digits>';
  3. table "pack" holds the records: column "data" is Zstandard-compressed JSON; of the rows with one (kind, id) and
     doomed = 0 the highest seq counts. Table "slice" (compressed by Zstandard) and table "segment" give every byte of
     every export back.
The document FORMAT.md of the souviens project specifies all of it.
"""
