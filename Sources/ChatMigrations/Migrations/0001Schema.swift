/// The schema of 0001 as each database describes it, in the format of `Migration.Scripts.schema`.
enum InitialSchema {
    static let sqlite = """
        changes: table changes as 0bbb607ba71f1d3d
        chat_idempotency_keys: index chat_idempotency_keys_chat_id as 3587768c3032c5ba
        chat_idempotency_keys: table chat_idempotency_keys as fb33d0d799270795
        chats: index chats_deleted_at as 90b3eab8913f4800
        chats: index chats_last_entry_at as f1ac437fb898e780
        chats: table chats as af4b58a4a83760c5
        counters: table counters as 00826cc29d432ad4
        history: table history as c917ce13daa072f3
        messages: index messages_id as a33710e80652de11
        messages: index messages_idempotency_key as 90c1f1eb91cf7806
        messages: index messages_open as ecc498872b46adca
        messages: table messages as 14e36f47625d4ae6
        """

    static let postgresql = """
        changes: CHECK ((char_length(author) <= 128))
        changes: CHECK ((octet_length(payload) <= 16384))
        changes: CHECK ((seq >= 1))
        changes: FOREIGN KEY (chat_id) REFERENCES chats(id) ON DELETE CASCADE
        changes: PRIMARY KEY (chat_id, seq)
        changes: author text not null default ''::text
        changes: chat_id bigint not null
        changes: created_at timestamp with time zone not null
        changes: kind text not null
        changes: message_id bigint
        changes: payload text
        changes: seq bigint not null
        chat_idempotency_keys: CHECK (((char_length(idempotency_key) >= 1) AND (char_length(idempotency_key) <= 255)))
        chat_idempotency_keys: CHECK ((char_length(author) <= 128))
        chat_idempotency_keys: INDEX btree (chat_id)
        chat_idempotency_keys: PRIMARY KEY (author, idempotency_key)
        chat_idempotency_keys: author text not null default ''::text
        chat_idempotency_keys: chat_id bigint not null
        chat_idempotency_keys: idempotency_fingerprint bigint not null
        chat_idempotency_keys: idempotency_key text not null
        chats: CHECK (((char_length(title) >= 1) AND (char_length(title) <= 200)))
        chats: CHECK ((last_entry_at >= created_at))
        chats: CHECK ((last_seq >= 0))
        chats: CHECK ((message_count >= 0))
        chats: CHECK ((octet_length(metadata) <= 16384))
        chats: INDEX btree (deleted_at) WHERE (deleted_at IS NOT NULL)
        chats: INDEX btree (last_entry_minute) WHERE (deleted_at IS NULL)
        chats: PRIMARY KEY (id)
        chats: created_at timestamp with time zone not null
        chats: deleted_at timestamp with time zone
        chats: id bigint not null identity
        chats: last_entry_at timestamp with time zone not null
        chats: last_entry_minute timestamp with time zone generated date_bin('00:01:00'::interval, last_entry_at, '2000-01-01 00:00:00+00'::timestamp with time zone)
        chats: last_message_at timestamp with time zone
        chats: last_seq bigint not null default 0
        chats: message_count bigint not null default 0
        chats: metadata text
        chats: title text not null
        history: CHECK (((char_length(epoch) >= 1) AND (char_length(epoch) <= 32)))
        history: CHECK ((id = 1))
        history: PRIMARY KEY (id)
        history: epoch text not null
        history: id bigint not null default 1
        history: incarnation text
        messages: CHECK (((char_length(idempotency_key) >= 1) AND (char_length(idempotency_key) <= 255)))
        messages: CHECK (((deleted_at IS NULL) OR ((text = ''::text) AND (metadata IS NULL))))
        messages: CHECK (((idempotency_fingerprint IS NULL) = (idempotency_key IS NULL)))
        messages: CHECK ((char_length(author) <= 128))
        messages: CHECK (((cancelled_at IS NULL) OR (ttl IS NOT NULL)))
        messages: CHECK (((char_length(text) <= 5000) OR ((state IS NOT NULL) AND (char_length(text) <= 32768))))
        messages: CHECK (((ttl >= 5) AND (ttl <= 600)))
        messages: CHECK (((ttl IS NOT NULL) = ((state IS NOT NULL) AND (state = 'open'::text))))
        messages: CHECK ((((ttl IS NULL) = (expires_at IS NULL)) AND ((ttl IS NULL) = (writer_epoch IS NULL))))
        messages: CHECK ((char_length(reason) <= 200))
        messages: CHECK ((state = ANY (ARRAY['open'::text, 'done'::text, 'failed'::text, 'cancelled'::text])))
        messages: INDEX btree (chat_id, id) WHERE (state = 'open'::text)
        messages: CHECK ((octet_length(metadata) <= 16384))
        messages: CHECK ((revision >= 1))
        messages: CHECK ((seq >= 1))
        messages: CHECK (((run_seq IS NULL) OR (deleted_at IS NOT NULL)))
        messages: PRIMARY KEY (chat_id, seq)
        messages: UNIQUE INDEX btree (id, chat_id)
        messages: UNIQUE INDEX btree (chat_id, author, idempotency_key) WHERE (idempotency_key IS NOT NULL)
        messages: author text not null default ''::text
        messages: cancelled_at timestamp with time zone
        messages: chat_id bigint not null
        messages: created_at timestamp with time zone not null
        messages: deleted_at timestamp with time zone
        messages: edited_at timestamp with time zone
        messages: expires_at timestamp with time zone
        messages: id bigint not null identity
        messages: idempotency_fingerprint bigint
        messages: idempotency_key text
        messages: metadata text
        messages: reason text
        messages: reply_to bigint
        messages: revision bigint not null default 1
        messages: run_seq bigint
        messages: seq bigint not null
        messages: state text
        messages: text text not null
        messages: ttl bigint
        messages: writer_epoch bigint
        """
}
