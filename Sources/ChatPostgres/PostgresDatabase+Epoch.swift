package import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// Assigns a new epoch if the database is not the one that the current epoch was assigned in: a standby has taken
    /// over, or a dump was restored into another database.
    ///
    /// Each session runs it before its first statement, so that no session reads another history under the old epoch. A
    /// session does not survive a change of the server's timeline, so checking once is enough. If several sessions
    /// notice the change at once, one renews the epoch and the others wait for it.
    ///
    /// Before the first migration there is no history, and a newly created database keeps its epoch. If the server does
    /// not reveal its timeline, renewing the epoch is left to `chat-api epoch renew`.
    static let noticeNewHistory = PostgresStatement(
        """
        DO $$
        DECLARE
            timeline text;
            present text;
            renewed text := lpad(to_hex(floor(random() * 4294967296)::bigint), 8, '0');
        BEGIN
            BEGIN
                timeline := left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
            EXCEPTION WHEN OTHERS THEN
            END;
            SELECT coalesce(timeline, split_part(incarnation, '/', 1), '') || '/' || pg_database.oid INTO present
            FROM history, pg_database
            WHERE id = 1 AND datname = current_database();
            IF EXISTS (SELECT FROM history WHERE id = 1 AND incarnation IS DISTINCT FROM present) THEN
                UPDATE history SET
                    epoch = CASE WHEN incarnation IS NULL THEN epoch ELSE renewed END,
                    incarnation = present
                WHERE id = 1 AND incarnation IS DISTINCT FROM present;
            END IF;
        EXCEPTION WHEN undefined_table THEN
        END $$
        """
    )

    /// Records which database the history belongs to.
    ///
    /// Call it after creating the schema; later, a different database gets a new epoch.
    package func recordIncarnation() async throws(StoreError) {
        try await write { connection throws(PostgresError) in try connection.transact([Self.noticeNewHistory]) }
    }

    func renewEpoch() async throws(StoreError) -> Epoch {
        let epoch = Epoch.random()
        let renew = PostgresStatement(
            "INSERT INTO history (id, epoch) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch",
            [.text(epoch.text)]
        )
        try await write { connection throws(PostgresError) in try connection.transact([renew]) }
        return epoch
    }
}
