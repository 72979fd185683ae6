import ChatDomain
import ChatMigrations
import ChatSQLite
import Logging

/// The database that the settings name: the one place that picks it.
struct OpenDatabase {
    private let database: SQLiteDatabase

    init(_ url: DatabaseURL, _ settings: SettingsReader) throws {
        switch url {
        case .sqlite(let location):
            do {
                database = try SQLiteDatabase(
                    SQLiteConfiguration(
                        location: location,
                        readers: try settings.value(Settings.sqliteReaders),
                        busyTimeout: try settings.value(Settings.sqliteBusyTimeout)
                    )
                )
            } catch let error as StoreError {
                throw CommandError(error.reason)
            }
        case .postgresql:
            throw CommandError(
                "\(Settings.databaseURL.variable) names PostgreSQL, which is not supported yet: use sqlite:///chat.db"
            )
        }
    }

    var store: SQLiteStore {
        SQLiteStore(database)
    }

    var migrations: MigrationRunner<SQLiteDatabase> {
        MigrationRunner(database)
    }

    /// Brings the schema to what this program needs, as `serve` does on SQLite by itself.
    func upgrade(logger: Logger) async throws {
        do {
            try await migrations.migrate(.up, to: .head) { step in
                logger.notice("Migrated to \(step.migration.revision): \(step.migration.summary)")
            }
        } catch let error as MigrationError {
            throw error
        } catch {
            throw CommandError(StoreError(error).reason)
        }
    }

    func close() throws {
        try database.close()
    }
}
