extension Migration {
    /// Creates members, and what the inbox of a member needs.
    ///
    /// Memberships follow from the entries about members in `changes`; only `read_seq` does not. A user who left keeps
    /// the row. Users need no row in `users`: an application may add them before they first appear.
    ///
    /// `activity` grows with each change of a row: on SQLite it is a count of the transactions, on PostgreSQL the id of
    /// the transaction. It has no index, because an index would cost every post.
    ///
    /// `departures` tells the inbox of a user which chats the user left, and which of them were deleted with everything
    /// else.
    ///
    /// Chats that exist already stay private. A downgrade keeps the positions of entries about members, which then are
    /// changes of the chat that change nothing.
    static let createMembers = Migration(
        revision: "0003",
        summary: "create members",
        sqlite: Scripts(
            up: """
                ALTER TABLE chats ADD COLUMN
                    visibility TEXT NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'open'));
                ALTER TABLE chats ADD COLUMN receipts INTEGER NOT NULL DEFAULT 0 CHECK (receipts IN (0, 1));
                ALTER TABLE chats ADD COLUMN
                    slow_mode INTEGER NOT NULL DEFAULT 0 CHECK (slow_mode BETWEEN 0 AND 3600);
                ALTER TABLE chats ADD COLUMN activity INTEGER NOT NULL DEFAULT 0;

                CREATE TABLE members (
                    chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
                    user_id TEXT NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
                    role TEXT NOT NULL CHECK (role IN ('reader', 'member', 'moderator', 'owner')),
                    joined_seq INTEGER NOT NULL CHECK (joined_seq >= 1),
                    left_seq INTEGER CHECK (left_seq > joined_seq),
                    read_seq INTEGER NOT NULL CHECK (read_seq >= 0),
                    activity INTEGER NOT NULL DEFAULT 0,
                    PRIMARY KEY (chat_id, user_id)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX members_user_id ON members (user_id, chat_id) WHERE left_seq IS NULL;
                CREATE INDEX members_owners ON members (chat_id) WHERE role = 'owner' AND left_seq IS NULL;

                CREATE TABLE departures (
                    user_id TEXT NOT NULL CHECK (length(user_id) BETWEEN 1 AND 128),
                    chat_id INTEGER NOT NULL,
                    activity INTEGER NOT NULL,
                    PRIMARY KEY (user_id, chat_id)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX departures_activity ON departures (user_id, activity);

                INSERT INTO counters (name, value) VALUES ('activity', 0);
                """,
            down: """
                DROP TABLE departures;
                DROP TABLE members;
                ALTER TABLE chats DROP COLUMN activity;
                ALTER TABLE chats DROP COLUMN slow_mode;
                ALTER TABLE chats DROP COLUMN receipts;
                ALTER TABLE chats DROP COLUMN visibility;
                DELETE FROM counters WHERE name = 'activity';
                UPDATE changes SET kind = 'chat.updated', payload = NULL WHERE kind LIKE 'member.%';
                """,
            erases: "every membership",
            schema: MemberSchema.sqlite
        ),
        postgresql: Scripts(
            // The default is the transaction that inserts the row, or the one that updates it and sets the column to its
            // default. It counts up over the life of a cluster, without wrapping around.
            //
            // Moving a read marker changes no indexed column and finds room on the row's page (a HOT update).
            //
            // Citus forwards the whole script's text to its nodes. Inside a block, each command is sent separately. It
            // also requires named constraints.
            up: """
                DO $$ BEGIN
                    ALTER TABLE chats
                        ADD COLUMN visibility text NOT NULL DEFAULT 'private',
                        ADD COLUMN receipts boolean NOT NULL DEFAULT false,
                        ADD COLUMN slow_mode bigint NOT NULL DEFAULT 0,
                        ADD COLUMN activity bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint;
                    ALTER TABLE chats
                        ADD CONSTRAINT chats_visibility_check CHECK (visibility IN ('private', 'open'));
                    ALTER TABLE chats
                        ADD CONSTRAINT chats_slow_mode_check CHECK (slow_mode BETWEEN 0 AND 3600);
                END $$;

                CREATE TABLE members (
                    chat_id bigint NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
                    user_id text COLLATE "C" NOT NULL CHECK (char_length(user_id) BETWEEN 1 AND 128),
                    role text NOT NULL CHECK (role IN ('reader', 'member', 'moderator', 'owner')),
                    joined_seq bigint NOT NULL CHECK (joined_seq >= 1),
                    left_seq bigint CHECK (left_seq > joined_seq),
                    read_seq bigint NOT NULL CHECK (read_seq >= 0),
                    activity bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
                    PRIMARY KEY (chat_id, user_id)
                ) WITH (fillfactor = 70);
                CREATE INDEX members_user_id ON members (user_id, chat_id) WHERE left_seq IS NULL;
                CREATE INDEX members_owners ON members (chat_id) WHERE role = 'owner' AND left_seq IS NULL;

                CREATE TABLE departures (
                    user_id text COLLATE "C" NOT NULL CHECK (char_length(user_id) BETWEEN 1 AND 128),
                    chat_id bigint NOT NULL,
                    activity bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
                    PRIMARY KEY (user_id, chat_id)
                );
                CREATE INDEX departures_activity ON departures (user_id, activity);
                """,
            down: """
                DROP TABLE departures;
                DROP TABLE members;
                ALTER TABLE chats DROP COLUMN activity, DROP COLUMN slow_mode, DROP COLUMN receipts, DROP COLUMN visibility;
                UPDATE changes SET kind = 'chat.updated', payload = NULL WHERE kind LIKE 'member.%';
                """,
            erases: "every membership",
            schema: MemberSchema.postgresql
        )
    )
}
