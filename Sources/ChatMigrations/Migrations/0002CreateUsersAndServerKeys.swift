extension Migration {
    /// Creates users and server keys.
    ///
    /// `access_state` has one row, with the version that every change of access counts up. Its lock makes these changes
    /// run one after another, so versions follow the order of commits: a reader that has seen one version has seen all
    /// earlier ones. A user's `version` is that of the last change of the user's standing, 0 if it never changed.
    ///
    /// `ticket_secret` signs tickets, so that every server on the database accepts them.
    ///
    /// `erases_below` is set while messages of a deleted user remain to be erased.
    static let createUsersAndServerKeys = Migration(
        revision: "0002",
        summary: "create users and server keys",
        sqlite: Scripts(
            up: """
                CREATE TABLE users (
                    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 128),
                    name TEXT CHECK (length(name) BETWEEN 1 AND 200),
                    avatar_url TEXT CHECK (length(avatar_url) BETWEEN 1 AND 2000),
                    metadata TEXT CHECK (length(CAST(metadata AS BLOB)) <= 16384),
                    kind TEXT NOT NULL CHECK (kind IN ('person', 'bot')),
                    created_at INTEGER NOT NULL,
                    deactivated_at INTEGER,
                    tokens_valid_after INTEGER,
                    version INTEGER NOT NULL DEFAULT 0 CHECK (version >= 0),
                    erases_below INTEGER
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX users_version ON users (version) WHERE version > 0;
                CREATE INDEX users_erasing ON users (id) WHERE erases_below IS NOT NULL;

                CREATE TABLE server_keys (
                    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 32),
                    secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
                    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
                    scope TEXT NOT NULL
                        CHECK (scope IN ('admin', 'post', 'read') OR (scope LIKE 'bot:_%' AND length(scope) <= 132)),
                    created_at INTEGER NOT NULL,
                    last_used_at INTEGER,
                    revoked_at INTEGER
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE access_state (
                    id INTEGER PRIMARY KEY CHECK (id = 1),
                    version INTEGER NOT NULL DEFAULT 0 CHECK (version >= 0),
                    tokens_valid_after INTEGER,
                    ticket_secret BLOB NOT NULL CHECK (length(ticket_secret) = 32)
                ) STRICT;
                INSERT INTO access_state (id, ticket_secret) VALUES (1, randomblob(32));
                """,
            down: """
                DROP TABLE access_state;
                DROP TABLE server_keys;
                DROP TABLE users;
                """,
            erases: "every user and server key",
            schema: InitialSchema.sqlite + "\n" + AccessSchema.sqlite
        ),
        postgresql: Scripts(
            // Ids sort by their bytes, as in SQLite and in archives.
            up: """
                CREATE TABLE users (
                    id text COLLATE "C" PRIMARY KEY CHECK (char_length(id) BETWEEN 1 AND 128),
                    name text CHECK (char_length(name) BETWEEN 1 AND 200),
                    avatar_url text CHECK (char_length(avatar_url) BETWEEN 1 AND 2000),
                    metadata text CHECK (octet_length(metadata) <= 16384),
                    kind text NOT NULL CHECK (kind IN ('person', 'bot')),
                    created_at timestamptz NOT NULL,
                    deactivated_at timestamptz,
                    tokens_valid_after timestamptz,
                    version bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
                    erases_below bigint
                );
                CREATE INDEX users_version ON users (version) WHERE version > 0;
                CREATE INDEX users_erasing ON users (id) WHERE erases_below IS NOT NULL;

                CREATE TABLE server_keys (
                    id text COLLATE "C" PRIMARY KEY CHECK (char_length(id) BETWEEN 1 AND 32),
                    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
                    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
                    scope text NOT NULL
                        CHECK (scope IN ('admin', 'post', 'read') OR (scope LIKE 'bot:_%' AND char_length(scope) <= 132)),
                    created_at timestamptz NOT NULL,
                    last_used_at timestamptz,
                    revoked_at timestamptz
                );

                CREATE TABLE access_state (
                    id bigint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
                    version bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
                    tokens_valid_after timestamptz,
                    ticket_secret bytea NOT NULL CHECK (octet_length(ticket_secret) = 32)
                );
                INSERT INTO access_state (ticket_secret)
                    VALUES (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
                """,
            down: """
                DROP TABLE access_state;
                DROP TABLE server_keys;
                DROP TABLE users;
                """,
            erases: "every user and server key",
            schema: InitialSchema.postgresql + "\n" + AccessSchema.postgresql
        )
    )
}
