extension Migration {
    /// Chats and their logs.
    ///
    /// Instants are microseconds since the Unix epoch.
    static let createChatsAndMessages = Migration(
        revision: "0001",
        summary: "create chats and messages",
        sqlite: Scripts(
            // AUTOINCREMENT keeps the id of a deleted chat from being used again.
            //
            // `messages` is WITHOUT ROWID so that a chat's log lies together on disk in the order of its positions: its
            // last page is one range of one B-tree. Such a table has no AUTOINCREMENT; `counters` gives the message ids.
            up: """
                CREATE TABLE chats (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
                    created_at INTEGER NOT NULL,
                    last_seq INTEGER NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
                    last_entry_at INTEGER NOT NULL CHECK (last_entry_at >= created_at)
                ) STRICT;

                CREATE TABLE messages (
                    chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
                    seq INTEGER NOT NULL CHECK (seq >= 1),
                    id INTEGER NOT NULL CHECK (id >= 1),
                    text TEXT NOT NULL CHECK (length(text) <= 5000),
                    created_at INTEGER NOT NULL,
                    PRIMARY KEY (chat_id, seq)
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE counters (
                    name TEXT NOT NULL PRIMARY KEY,
                    value INTEGER NOT NULL CHECK (value >= 0)
                ) STRICT, WITHOUT ROWID;

                INSERT INTO counters (name, value) VALUES ('message_id', 0);
                """,
            down: """
                DROP TABLE counters;
                DROP TABLE messages;
                DROP TABLE chats;
                """
        )
    )
}
