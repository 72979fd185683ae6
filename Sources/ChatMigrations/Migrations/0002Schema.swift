/// What 0002 adds to the schema as each database describes it, in the format of `Migration.Scripts.schema`.
enum AccessSchema {
    static let sqlite = """
        access_state: table access_state as 460066b20afef031
        server_keys: table server_keys as 4e86ba381533d3cf
        users: index users_erasing as 81ce60b9a6b89ed6
        users: index users_version as 6d30517d1a8faf8b
        users: table users as 5ba019ccd67d9ac2
        """

    static let postgresql = """
        access_state: CHECK ((id = 1))
        access_state: CHECK ((octet_length(ticket_secret) = 32))
        access_state: CHECK ((version >= 0))
        access_state: PRIMARY KEY (id)
        access_state: id bigint not null default 1
        access_state: ticket_secret bytea not null
        access_state: tokens_valid_after timestamp with time zone
        access_state: version bigint not null default 0
        server_keys: CHECK (((char_length(id) >= 1) AND (char_length(id) <= 32)))
        server_keys: CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200)))
        server_keys: CHECK (((scope = ANY (ARRAY['admin'::text, 'post'::text, 'read'::text])) OR ((scope ~~ 'bot:_%'::text) AND (char_length(scope) <= 132))))
        server_keys: CHECK ((octet_length(secret_hash) = 32))
        server_keys: PRIMARY KEY (id)
        server_keys: created_at timestamp with time zone not null
        server_keys: id text not null
        server_keys: last_used_at timestamp with time zone
        server_keys: name text not null
        server_keys: revoked_at timestamp with time zone
        server_keys: scope text not null
        server_keys: secret_hash bytea not null
        users: CHECK (((char_length(avatar_url) >= 1) AND (char_length(avatar_url) <= 2000)))
        users: CHECK (((char_length(id) >= 1) AND (char_length(id) <= 128)))
        users: CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200)))
        users: CHECK ((kind = ANY (ARRAY['person'::text, 'bot'::text])))
        users: CHECK ((octet_length(metadata) <= 16384))
        users: CHECK ((version >= 0))
        users: INDEX btree (id) WHERE (erases_below IS NOT NULL)
        users: INDEX btree (version) WHERE (version > 0)
        users: PRIMARY KEY (id)
        users: avatar_url text
        users: created_at timestamp with time zone not null
        users: deactivated_at timestamp with time zone
        users: erases_below bigint
        users: id text not null
        users: kind text not null
        users: metadata text
        users: name text
        users: tokens_valid_after timestamp with time zone
        users: version bigint not null default 0
        """
}
