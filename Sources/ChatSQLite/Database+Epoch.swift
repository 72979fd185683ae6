import ChatDomain
import GRDB

extension Epoch {
    /// The epoch in a backup file, until a server uses the file and renews it.
    ///
    /// So each restore of the same file gets an epoch of its own.
    static let ofBackup = Epoch(rawValue: 0)
}

extension Database {
    /// The epoch in its caller's snapshot or transaction; another process may change it at any time.
    func fetchEpoch() throws -> Epoch {
        let text = try String.fetchOne(try cachedStatement(sql: "SELECT epoch FROM history WHERE id = 1"))
        guard let epoch = text.flatMap({ Epoch($0) }) else {
            throw StoreError.failed(reason: "the database's history has no epoch: run chat-api epoch renew")
        }
        return epoch
    }

    func renewEpoch() throws -> Epoch {
        let new = Epoch.random()
        try cachedStatement(
            sql: "INSERT INTO history (id, epoch) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch"
        ).execute(arguments: [new.text])
        return new
    }

    /// Renews the epoch of a restored backup.
    func renewEpochOfBackup() throws {
        if try fetchEpoch() == .ofBackup {
            _ = try renewEpoch()
        }
    }
}
