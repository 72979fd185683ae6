extension Migration {
    /// Creates chats and their logs.
    ///
    /// A message's row keeps the position at which the message was posted and holds its current state; `changes` holds
    /// the log's other entries: their kind, the message that they are about, and whatever else the kind needs as JSON. A
    /// new kind needs no change of the schema. An author is empty, not NULL, if there is none: unique indexes would take
    /// two NULLs for different authors. The idempotency keys of chats have their own table so that, in every
    /// table that could be sharded by chat, all unique constraints include the chat. `history` holds the epoch, which
    /// identifies the database's history and changes after a restore.
    ///
    /// `state` is NULL for a message that was posted whole. An open message, whose text grows, has a lease (`expires_at`)
    /// that its writer renews for `ttl` seconds, and `writer_epoch`, which counts the servers that took it over. No index
    /// contains what changes while it grows. Once it has ended, only `state` and `reason` are left.
    static let createChatsAndMessages = Migration(
        revision: "0001",
        summary: "create chats and messages",
        sqlite: Scripts(
            // Instants are microseconds since the Unix epoch. AUTOINCREMENT never reuses a deleted chat's id.
            //
            // `messages` is WITHOUT ROWID so that a chat's log is stored together, in order of position: its last page
            // is one range of one B-tree. Such a table has no AUTOINCREMENT, so `counters` provides the message ids.
            //
            // `run_seq` lets reads skip runs of deleted messages: the first message of a run holds the position of the
            // last, and the last holds that of the first. An index would slow down every post; this slows down only
            // deletions.
            //
            // `messages_id` starts with the id so that new messages of every chat go to the index's last page. It
            // includes the chat because an import can bring the same id into several chats.
            up: """
                CREATE TABLE chats (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
                    metadata TEXT CHECK (length(CAST(metadata AS BLOB)) <= 16384),
                    created_at INTEGER NOT NULL,
                    last_seq INTEGER NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
                    last_entry_at INTEGER NOT NULL CHECK (last_entry_at >= created_at),
                    message_count INTEGER NOT NULL DEFAULT 0 CHECK (message_count >= 0),
                    last_message_at INTEGER,
                    deleted_at INTEGER
                ) STRICT;
                CREATE INDEX chats_last_entry_at ON chats (last_entry_at, id) WHERE deleted_at IS NULL;
                CREATE INDEX chats_deleted_at ON chats (deleted_at) WHERE deleted_at IS NOT NULL;

                CREATE TABLE messages (
                    chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
                    seq INTEGER NOT NULL CHECK (seq >= 1),
                    id INTEGER NOT NULL CHECK (id >= 1),
                    author TEXT NOT NULL DEFAULT '' CHECK (length(author) <= 128),
                    text TEXT NOT NULL CHECK (length(text) <= iif(state IS NULL, 5000, 32768)),
                    metadata TEXT CHECK (length(CAST(metadata AS BLOB)) <= 16384),
                    reply_to INTEGER,
                    revision INTEGER NOT NULL DEFAULT 1 CHECK (revision >= 1),
                    created_at INTEGER NOT NULL,
                    edited_at INTEGER,
                    deleted_at INTEGER CHECK (deleted_at IS NULL OR (text = '' AND metadata IS NULL)),
                    run_seq INTEGER CHECK (run_seq IS NULL OR deleted_at IS NOT NULL),
                    idempotency_key TEXT CHECK (length(idempotency_key) BETWEEN 1 AND 255),
                    idempotency_fingerprint INTEGER
                        CHECK ((idempotency_fingerprint IS NULL) = (idempotency_key IS NULL)),
                    state TEXT CHECK (state IN ('open', 'done', 'failed', 'cancelled')),
                    reason TEXT CHECK (length(reason) <= 200),
                    ttl INTEGER CHECK (ttl BETWEEN 5 AND 600),
                    expires_at INTEGER,
                    writer_epoch INTEGER,
                    cancelled_at INTEGER,
                    PRIMARY KEY (chat_id, seq),
                    CHECK ((ttl IS NOT NULL) = (state IS NOT NULL AND state = 'open')),
                    CHECK ((ttl IS NULL) = (expires_at IS NULL) AND (ttl IS NULL) = (writer_epoch IS NULL)),
                    CHECK (cancelled_at IS NULL OR ttl IS NOT NULL)
                ) STRICT, WITHOUT ROWID;
                CREATE UNIQUE INDEX messages_id ON messages (id, chat_id);
                CREATE UNIQUE INDEX messages_idempotency_key ON messages (chat_id, author, idempotency_key)
                    WHERE idempotency_key IS NOT NULL;
                CREATE INDEX messages_open ON messages (chat_id, id) WHERE state = 'open';

                CREATE TABLE changes (
                    chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
                    seq INTEGER NOT NULL CHECK (seq >= 1),
                    kind TEXT NOT NULL,
                    author TEXT NOT NULL DEFAULT '' CHECK (length(author) <= 128),
                    message_id INTEGER,
                    payload TEXT CHECK (length(CAST(payload AS BLOB)) <= 16384),
                    created_at INTEGER NOT NULL,
                    PRIMARY KEY (chat_id, seq)
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE chat_idempotency_keys (
                    author TEXT NOT NULL DEFAULT '' CHECK (length(author) <= 128),
                    idempotency_key TEXT NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
                    idempotency_fingerprint INTEGER NOT NULL,
                    chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
                    PRIMARY KEY (author, idempotency_key)
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX chat_idempotency_keys_chat_id ON chat_idempotency_keys (chat_id);

                CREATE TABLE counters (
                    name TEXT NOT NULL PRIMARY KEY,
                    value INTEGER NOT NULL CHECK (value >= 0)
                ) STRICT, WITHOUT ROWID;
                INSERT INTO counters (name, value) VALUES ('message_id', 0);

                CREATE TABLE history (
                    id INTEGER PRIMARY KEY CHECK (id = 1),
                    epoch TEXT NOT NULL CHECK (length(epoch) BETWEEN 1 AND 32)
                ) STRICT;
                INSERT INTO history (id, epoch) VALUES (1, lower(hex(randomblob(4))));
                """,
            down: """
                DROP TABLE history;
                DROP TABLE counters;
                DROP TABLE chat_idempotency_keys;
                DROP TABLE changes;
                DROP TABLE messages;
                DROP TABLE chats;
                """,
            erases: "every chat and message",
            schema: InitialSchema.sqlite
        ),
        postgresql: Scripts(
            // This adopts the original service's tables if they exist: every row keeps its id, and positions follow the
            // order of ids. For a new database it first creates those tables. The original `created_at` may run
            // slightly backward along the ids; in a log it never does.
            //
            // Rows that the new tables cannot hold are refused before anything changes, in an error that lists them.
            // The names of the original tables' constraints are unknown, so the script looks them up. Ids become
            // identity columns that continue after the largest value ever drawn from the original sequences.
            //
            // No index contains a column that every post changes, and pages have room for a chat's next version, so a
            // post touches no index of `chats` (a HOT update). The index sorts chats by minute; reads sort within a
            // minute.
            //
            // Messages have no foreign key to chats: checking it would lock the chat again for each message, and every
            // transaction that inserts or deletes messages already holds the chat's lock.
            up: """
                SET LOCAL TimeZone = 'UTC';

                CREATE TABLE IF NOT EXISTS chats (id bigint, title text, created_at timestamptz);
                CREATE TABLE IF NOT EXISTS messages (id bigint, chat_id bigint, text text, created_at timestamptz);
                LOCK TABLE chats, messages IN ACCESS EXCLUSIVE MODE;

                DO $$
                DECLARE
                    refusal text;
                BEGIN
                    SELECT string_agg(format('%s.%s', attrelid::regclass, attname), ', ' ORDER BY attrelid, attnum)
                    INTO refusal
                    FROM pg_attribute
                    WHERE attrelid IN ('chats'::regclass, 'messages'::regclass) AND attnum > 0 AND NOT attisdropped
                        AND attnotnull AND NOT atthasdef AND attidentity = ''
                        AND attname NOT IN ('id', 'title', 'created_at', 'chat_id', 'text');
                    IF refusal IS NOT NULL THEN
                        RAISE EXCEPTION 'cannot adopt tables whose further columns need a value: %', refusal;
                    END IF;
                    SELECT string_agg(format('%s (%s)', problem, ids), '; ' ORDER BY problem) INTO refusal
                    FROM (
                        SELECT
                            problem,
                            string_agg(coalesce(id::text, 'null'), ', ' ORDER BY id) FILTER (WHERE number <= 10)
                                || CASE WHEN count(*) > 10 THEN format(' and %s more', count(*) - 10) ELSE '' END AS ids
                        FROM (
                            SELECT problem, id, row_number() OVER (PARTITION BY problem ORDER BY id) AS number
                            FROM (
                                SELECT id, 'chats.' || CASE
                                    WHEN id IS NULL OR id NOT BETWEEN 1 AND 9007199254740991 THEN 'id'
                                    WHEN count(*) OVER (PARTITION BY id) > 1 THEN 'id'
                                    WHEN title IS NULL OR char_length(title) NOT BETWEEN 1 AND 200 THEN 'title'
                                    WHEN created_at IS NULL OR created_at NOT BETWEEN
                                        '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN 'created_at'
                                    END AS problem
                                FROM chats
                                UNION ALL
                                SELECT id, 'messages.' || CASE
                                    WHEN id IS NULL OR id NOT BETWEEN 1 AND 9007199254740991 THEN 'id'
                                    WHEN count(*) OVER (PARTITION BY id) > 1 THEN 'id'
                                    WHEN NOT EXISTS (SELECT FROM chats WHERE chats.id = chat_id) THEN 'chat_id'
                                    WHEN text IS NULL OR char_length(text) NOT BETWEEN 1 AND 5000 THEN 'text'
                                    WHEN created_at IS NULL OR created_at NOT BETWEEN
                                        '0001-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN 'created_at'
                                    END
                                FROM messages
                            ) AS checked
                            WHERE problem IS NOT NULL
                        ) AS numbered
                        GROUP BY problem
                    ) AS problems;
                    IF refusal IS NOT NULL THEN
                        RAISE EXCEPTION 'cannot adopt rows with an unusable value, by their ids: %', refusal;
                    END IF;
                END $$;

                DO $$
                DECLARE
                    statement text;
                    adopted text;
                    last_id bigint;
                BEGIN
                    FOR statement IN
                        SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
                        FROM pg_constraint
                        WHERE conrelid IN ('chats'::regclass, 'messages'::regclass) AND contype IN ('c', 'f', 'p', 'u')
                        ORDER BY contype
                    LOOP
                        EXECUTE statement;
                    END LOOP;
                    FOR statement IN
                        SELECT format('DROP INDEX %s', indexrelid::regclass)
                        FROM pg_index
                        WHERE indrelid IN ('chats'::regclass, 'messages'::regclass)
                    LOOP
                        EXECUTE statement;
                    END LOOP;
                    FOREACH adopted IN ARRAY ARRAY['chats', 'messages'] LOOP
                        EXECUTE format('SELECT max(id) FROM %I', adopted) INTO last_id;
                        SELECT greatest(last_id, max(pg_sequence_last_value(pg_class.oid))) INTO last_id
                        FROM pg_class
                        WHERE relkind = 'S' AND oid IN (
                            SELECT refobjid FROM pg_depend JOIN pg_attrdef ON pg_attrdef.oid = objid
                            WHERE classid = 'pg_attrdef'::regclass AND refclassid = 'pg_class'::regclass
                                AND adrelid = adopted::regclass
                            UNION
                            SELECT pg_get_serial_sequence(adopted, 'id')::regclass
                        );
                        EXECUTE format('ALTER TABLE %I ALTER COLUMN id DROP IDENTITY IF EXISTS', adopted);
                        EXECUTE format('ALTER TABLE %I ALTER COLUMN id DROP DEFAULT', adopted);
                        statement := 'DROP SEQUENCE ' || pg_get_serial_sequence(adopted, 'id');
                        IF statement IS NOT NULL THEN
                            EXECUTE statement;
                        END IF;
                        EXECUTE format('ALTER TABLE %I ALTER COLUMN id TYPE bigint', adopted);
                        EXECUTE format('ALTER TABLE %I ALTER COLUMN id SET NOT NULL', adopted);
                        EXECUTE format(
                            'ALTER TABLE %I ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY', adopted);
                        IF last_id >= 1 THEN
                            PERFORM setval(pg_get_serial_sequence(adopted, 'id'), last_id);
                        END IF;
                    END LOOP;
                END $$;

                ALTER TABLE chats SET (fillfactor = 50);
                ALTER TABLE chats
                    ALTER COLUMN title DROP DEFAULT,
                    ALTER COLUMN title TYPE text,
                    ALTER COLUMN title SET NOT NULL,
                    ALTER COLUMN created_at DROP DEFAULT,
                    ALTER COLUMN created_at TYPE timestamptz,
                    ALTER COLUMN created_at SET NOT NULL,
                    ADD COLUMN metadata text,
                    ADD COLUMN last_seq bigint NOT NULL DEFAULT 0,
                    ADD COLUMN last_entry_at timestamptz,
                    ADD COLUMN message_count bigint NOT NULL DEFAULT 0,
                    ADD COLUMN last_message_at timestamptz,
                    ADD COLUMN deleted_at timestamptz;
                ALTER TABLE messages
                    ALTER COLUMN chat_id DROP DEFAULT,
                    ALTER COLUMN chat_id TYPE bigint,
                    ALTER COLUMN chat_id SET NOT NULL,
                    ALTER COLUMN text DROP DEFAULT,
                    ALTER COLUMN text TYPE text,
                    ALTER COLUMN text SET NOT NULL,
                    ALTER COLUMN created_at DROP DEFAULT,
                    ALTER COLUMN created_at TYPE timestamptz,
                    ALTER COLUMN created_at SET NOT NULL,
                    ADD COLUMN seq bigint,
                    ADD COLUMN author text NOT NULL DEFAULT '',
                    ADD COLUMN metadata text,
                    ADD COLUMN reply_to bigint,
                    ADD COLUMN revision bigint NOT NULL DEFAULT 1,
                    ADD COLUMN edited_at timestamptz,
                    ADD COLUMN deleted_at timestamptz,
                    ADD COLUMN run_seq bigint,
                    ADD COLUMN idempotency_key text,
                    ADD COLUMN idempotency_fingerprint bigint,
                    ADD COLUMN state text,
                    ADD COLUMN reason text,
                    ADD COLUMN ttl bigint,
                    ADD COLUMN expires_at timestamptz,
                    ADD COLUMN writer_epoch bigint,
                    ADD COLUMN cancelled_at timestamptz;

                UPDATE messages
                SET seq = log.seq, created_at = log.created_at
                FROM (
                    SELECT id, row_number() OVER entries AS seq, max(created_at) OVER entries AS created_at
                    FROM messages
                    WINDOW entries AS (PARTITION BY chat_id ORDER BY id)
                ) AS log
                WHERE messages.id = log.id;
                UPDATE chats
                SET
                    last_seq = log.size, message_count = log.size, last_message_at = log.last_at,
                    last_entry_at = greatest(chats.created_at, log.last_at)
                FROM (
                    SELECT chats.id, count(messages.id) AS size, max(messages.created_at) AS last_at
                    FROM chats LEFT JOIN messages ON messages.chat_id = chats.id
                    GROUP BY chats.id
                ) AS log
                WHERE chats.id = log.id;

                ALTER TABLE chats
                    ALTER COLUMN last_entry_at SET NOT NULL,
                    ADD COLUMN last_entry_minute timestamptz GENERATED ALWAYS AS
                        (date_bin('1 minute', last_entry_at, '2000-01-01 00:00:00+00'::timestamptz)) STORED,
                    ADD PRIMARY KEY (id),
                    ADD CHECK (char_length(title) BETWEEN 1 AND 200),
                    ADD CHECK (octet_length(metadata) <= 16384),
                    ADD CHECK (last_seq >= 0),
                    ADD CHECK (last_entry_at >= created_at),
                    ADD CHECK (message_count >= 0);
                CREATE INDEX chats_last_entry_minute ON chats (last_entry_minute) WHERE deleted_at IS NULL;
                CREATE INDEX chats_deleted_at ON chats (deleted_at) WHERE deleted_at IS NOT NULL;

                ALTER TABLE messages
                    ALTER COLUMN seq SET NOT NULL,
                    ADD PRIMARY KEY (chat_id, seq),
                    ADD CHECK (seq >= 1),
                    ADD CHECK (char_length(author) <= 128),
                    ADD CHECK (char_length(text) <= 5000 OR state IS NOT NULL AND char_length(text) <= 32768),
                    ADD CHECK (octet_length(metadata) <= 16384),
                    ADD CHECK (revision >= 1),
                    ADD CHECK (deleted_at IS NULL OR (text = '' AND metadata IS NULL)),
                    ADD CHECK (run_seq IS NULL OR deleted_at IS NOT NULL),
                    ADD CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
                    ADD CHECK ((idempotency_fingerprint IS NULL) = (idempotency_key IS NULL)),
                    ADD CHECK (state IN ('open', 'done', 'failed', 'cancelled')),
                    ADD CHECK (char_length(reason) <= 200),
                    ADD CHECK (ttl BETWEEN 5 AND 600),
                    ADD CHECK ((ttl IS NOT NULL) = (state IS NOT NULL AND state = 'open')),
                    ADD CHECK ((ttl IS NULL) = (expires_at IS NULL) AND (ttl IS NULL) = (writer_epoch IS NULL)),
                    ADD CHECK (cancelled_at IS NULL OR ttl IS NOT NULL);
                CREATE UNIQUE INDEX messages_id ON messages (id, chat_id);
                CREATE UNIQUE INDEX messages_idempotency_key ON messages (chat_id, author, idempotency_key)
                    WHERE idempotency_key IS NOT NULL;
                CREATE INDEX messages_open ON messages (chat_id, id) WHERE state = 'open';

                CREATE TABLE changes (
                    chat_id bigint NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
                    seq bigint NOT NULL CHECK (seq >= 1),
                    kind text NOT NULL,
                    author text NOT NULL DEFAULT '' CHECK (char_length(author) <= 128),
                    message_id bigint,
                    payload text CHECK (octet_length(payload) <= 16384),
                    created_at timestamptz NOT NULL,
                    PRIMARY KEY (chat_id, seq)
                );

                CREATE TABLE chat_idempotency_keys (
                    author text NOT NULL DEFAULT '' CHECK (char_length(author) <= 128),
                    idempotency_key text NOT NULL CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
                    idempotency_fingerprint bigint NOT NULL,
                    chat_id bigint NOT NULL,
                    PRIMARY KEY (author, idempotency_key)
                );
                CREATE INDEX chat_idempotency_keys_chat_id ON chat_idempotency_keys (chat_id);

                CREATE TABLE history (
                    id bigint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
                    epoch text NOT NULL CHECK (char_length(epoch) BETWEEN 1 AND 32),
                    incarnation text
                );
                INSERT INTO history (epoch) VALUES (left(md5(random()::text || clock_timestamp()::text), 8));
                """,
            // This restores the original service's tables with every message that is not deleted. They can be adopted
            // again, with new positions and a new epoch. It fails if those tables cannot hold the data.
            down: """
                LOCK TABLE chats, messages IN ACCESS EXCLUSIVE MODE;
                DELETE FROM messages
                WHERE deleted_at IS NOT NULL OR text = ''
                    OR chat_id IN (SELECT id FROM chats WHERE deleted_at IS NOT NULL);
                UPDATE messages SET text = left(text, 5000) WHERE state IS NOT NULL;
                DELETE FROM chats WHERE deleted_at IS NOT NULL;
                DO $$
                DECLARE
                    culprit bigint;
                BEGIN
                    SELECT id INTO culprit FROM messages GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT 1;
                    IF FOUND THEN
                        RAISE EXCEPTION 'the original tables cannot hold message % of several chats', culprit;
                    END IF;
                    SELECT chat_id INTO culprit
                    FROM (
                        SELECT chat_id, id, lag(id) OVER (PARTITION BY chat_id ORDER BY seq) AS previous FROM messages
                    ) AS log
                    WHERE id < previous ORDER BY chat_id LIMIT 1;
                    IF FOUND THEN
                        RAISE EXCEPTION 'the original tables cannot hold chat %, whose message ids do not ascend', culprit;
                    END IF;
                END $$;

                DROP TABLE history;
                DROP TABLE chat_idempotency_keys;
                DROP TABLE changes;
                DROP INDEX messages_open;
                DROP INDEX messages_idempotency_key;
                DROP INDEX messages_id;
                ALTER TABLE messages
                    DROP CONSTRAINT messages_pkey,
                    DROP COLUMN seq,
                    DROP COLUMN author,
                    DROP COLUMN metadata,
                    DROP COLUMN reply_to,
                    DROP COLUMN revision,
                    DROP COLUMN edited_at,
                    DROP COLUMN deleted_at,
                    DROP COLUMN run_seq,
                    DROP COLUMN idempotency_key,
                    DROP COLUMN idempotency_fingerprint,
                    DROP COLUMN state,
                    DROP COLUMN reason,
                    DROP COLUMN ttl,
                    DROP COLUMN expires_at,
                    DROP COLUMN writer_epoch,
                    DROP COLUMN cancelled_at,
                    ADD PRIMARY KEY (id),
                    ADD FOREIGN KEY (chat_id) REFERENCES chats (id) ON DELETE CASCADE,
                    ALTER COLUMN created_at SET DEFAULT now();
                CREATE INDEX messages_chat_id_id ON messages (chat_id, id);
                ALTER TABLE chats
                    RESET (fillfactor),
                    DROP COLUMN last_entry_minute,
                    DROP COLUMN metadata,
                    DROP COLUMN last_seq,
                    DROP COLUMN last_entry_at,
                    DROP COLUMN message_count,
                    DROP COLUMN last_message_at,
                    DROP COLUMN deleted_at,
                    ALTER COLUMN created_at SET DEFAULT now();
                """,
            erases: """
                authors, edits, deletions, replies, metadata, idempotency keys, positions, how streamed messages ended, \
                and what follows the first 5,000 characters of their texts, but no chat and no message that has a text
                """,
            schema: InitialSchema.postgresql
        )
    )
}
