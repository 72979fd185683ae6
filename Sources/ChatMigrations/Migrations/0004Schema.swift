/// The schema of 0004 as each database describes it, in the format of `Migration.Scripts.schema`.
enum WebhookSchema {
    static let sqlite = MemberSchema.sqlite + "\n" + newSQLite

    private static let newSQLite = """
        webhook_positions: index webhook_positions_due_at as 76522d8a2dffd5cc
        webhook_positions: index webhook_positions_failing_since as 6cf1840f6d42d5c5
        webhook_positions: table webhook_positions as d957ef1b1ebc98de
        webhooks: table webhooks as 6f7d4c3d9af7ee98
        """

    static let postgresql = MemberSchema.postgresql + "\n" + newPostgreSQL

    private static let newPostgreSQL = """
        webhook_positions: CHECK (((NOT stalled) OR (due_at IS NULL)))
        webhook_positions: CHECK (((error IS NULL) = (tries = 0)))
        webhook_positions: CHECK (((failing_since IS NULL) = (tries = 0)))
        webhook_positions: CHECK ((seq >= 0))
        webhook_positions: CHECK ((tries >= 0))
        webhook_positions: FOREIGN KEY (webhook_id) REFERENCES webhooks(id) ON DELETE CASCADE
        webhook_positions: INDEX btree (webhook_id, due_at) WHERE (due_at IS NOT NULL)
        webhook_positions: INDEX btree (webhook_id, failing_since) WHERE (failing_since IS NOT NULL)
        webhook_positions: PRIMARY KEY (webhook_id, chat_id)
        webhook_positions: chat_id bigint not null
        webhook_positions: due_at timestamp with time zone
        webhook_positions: due_seq bigint
        webhook_positions: error text
        webhook_positions: failing_since timestamp with time zone
        webhook_positions: pending_since timestamp with time zone
        webhook_positions: seq bigint not null
        webhook_positions: stalled boolean not null default false
        webhook_positions: tries bigint not null default 0
        webhook_positions: webhook_id bigint not null
        webhooks: CHECK (((char_length(former_secret) >= 1) AND (char_length(former_secret) <= 128)))
        webhooks: CHECK (((char_length(secret) >= 1) AND (char_length(secret) <= 128)))
        webhooks: CHECK (((char_length(url) >= 1) AND (char_length(url) <= 2048)))
        webhooks: CHECK (((disabled_reason IS NULL) = (disabled_at IS NULL)))
        webhooks: CHECK (((former_secret_expires_at IS NULL) = (former_secret IS NULL)))
        webhooks: CHECK (((lease_expires_at IS NULL) = (lease_holder IS NULL)))
        webhooks: PRIMARY KEY (id)
        webhooks: chats bigint[]
        webhooks: created_at timestamp with time zone not null
        webhooks: disabled_at timestamp with time zone
        webhooks: disabled_reason text
        webhooks: discovered_at timestamp with time zone not null
        webhooks: former_secret text
        webhooks: former_secret_expires_at timestamp with time zone
        webhooks: id bigint not null identity
        webhooks: last_error text
        webhooks: last_failure_at timestamp with time zone
        webhooks: last_success_at timestamp with time zone
        webhooks: lease_expires_at timestamp with time zone
        webhooks: lease_holder text
        webhooks: secret text not null
        webhooks: started_at timestamp with time zone not null
        webhooks: types text
        webhooks: url text not null
        webhooks: with_offline boolean not null
        """
}
