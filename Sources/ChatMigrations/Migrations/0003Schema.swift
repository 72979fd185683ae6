/// The schema of 0003 as each database describes it, in the format of `Migration.Scripts.schema`.
enum MemberSchema {
    // SQLite describes a table by its statement, which the new columns change.
    static let sqlite =
        (InitialSchema.sqlite + "\n" + AccessSchema.sqlite).replacing(
            "chats: table chats as af4b58a4a83760c5",
            with: "chats: table chats as 478600da17deed99"
        ) + "\n" + newSQLite

    private static let newSQLite = """
        departures: index departures_activity as a40c037a69a5ff3d
        departures: table departures as 82ff801182b5b4d3
        members: index members_owners as 4d86061a1b2a1444
        members: index members_user_id as d478af633589d5e5
        members: table members as d97fb4a837deb003
        """

    static let postgresql = InitialSchema.postgresql + "\n" + AccessSchema.postgresql + "\n" + newPostgreSQL

    private static let newPostgreSQL = """
        chats: CHECK (((slow_mode >= 0) AND (slow_mode <= 3600)))
        chats: CHECK ((visibility = ANY (ARRAY['private'::text, 'open'::text])))
        chats: activity bigint not null default ((pg_current_xact_id())::text)::bigint
        chats: receipts boolean not null default false
        chats: slow_mode bigint not null default 0
        chats: visibility text not null default 'private'::text
        departures: CHECK (((char_length(user_id) >= 1) AND (char_length(user_id) <= 128)))
        departures: INDEX btree (user_id, activity)
        departures: PRIMARY KEY (user_id, chat_id)
        departures: activity bigint not null default ((pg_current_xact_id())::text)::bigint
        departures: chat_id bigint not null
        departures: user_id text not null
        members: CHECK (((char_length(user_id) >= 1) AND (char_length(user_id) <= 128)))
        members: CHECK ((joined_seq >= 1))
        members: CHECK ((left_seq > joined_seq))
        members: CHECK ((read_seq >= 0))
        members: CHECK ((role = ANY (ARRAY['reader'::text, 'member'::text, 'moderator'::text, 'owner'::text])))
        members: FOREIGN KEY (chat_id) REFERENCES chats(id) ON DELETE CASCADE
        members: INDEX btree (chat_id) WHERE ((role = 'owner'::text) AND (left_seq IS NULL))
        members: INDEX btree (user_id, chat_id) WHERE (left_seq IS NULL)
        members: PRIMARY KEY (chat_id, user_id)
        members: activity bigint not null default ((pg_current_xact_id())::text)::bigint
        members: chat_id bigint not null
        members: joined_seq bigint not null
        members: left_seq bigint
        members: read_seq bigint not null
        members: role text not null
        members: user_id text not null
        """
}
