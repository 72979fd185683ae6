import ArgumentParser
import ChatAPI
import ChatDomain
import ChatIdentity
import ChatMigrations
import ChatSQLite
import Glibc
import HTTPConnections
import Logging

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check what `serve` needs: configuration, database, disk, clock and limits.",
        // By default, the options of `serve` make it `chat-api serve doctor`.
        usage: "chat-api doctor <options>",
        discussion: """
            It takes the options of `serve` and changes nothing. You can run it while the service is running, as the \
            same user. Each line starts with ok, warning or error, and says what to do. The status is 1 if there is an \
            error.
            """
    )

    @OptionGroup var server: ServeCommand

    func run() async throws {
        var examination = Examination()
        let settings = try await SettingsReader(given: server.given)
        await check(settings, &examination)
        await examination.check("open files") { try checkOpenFiles(settings, logger: $0) }
        await checkDatabase(settings, &examination)
        await examination.check("certificate") { logger in
            guard let certificate = try await ServerCertificate(settings) else { return nil }
            certificate.identity.key.checkDates(logger)
            return "valid until \(certificate.identity.key.expiryText)"
        }
        await examination.check("address") { _ in
            try await Server(settings).checkAddress(isEncrypted: try TLSFiles(settings) != nil)
        }
        await examination.check("metrics") { _ in try await Server(settings).checkMetricsAddress() }
        await examination.check("documentation") { try await checkDocumentation(settings, logger: $0) }
        if examination.errors > 0 { throw ExitCode.failure }
    }

    /// Checks each setting, then all of them together.
    private func check(_ settings: SettingsReader, _ examination: inout Examination) async {
        await examination.check("settings") { logger in
            for warning in settings.warnings {
                logger.warning("\(warning)")
            }
            let errors = settings.errors
            for error in errors {
                logger.error("\(error)")
            }
            if errors.isEmpty {
                do throws(SettingError) {
                    _ = try Server(settings)
                    _ = try TLSFiles(settings)
                } catch {
                    logger.error("\(error)")
                }
            }
            return "all values are valid"
        }
    }

    private func checkOpenFiles(_ settings: SettingsReader, logger: Logger) throws -> String {
        var server = try Server(settings)
        let capacity = try DatabaseCapacity(settings, logger: logger)
        let limit = OpenFiles.raiseLimit()
        server.fitConnections(into: limit - capacity.connectionCount, logger: logger)
        return "the limit of \(limit) allows \(try settings.value(Settings.maximumConnections)) connections"
    }

    private func checkDatabase(_ settings: SettingsReader, _ examination: inout Examination) async {
        var opened: OpenDatabase?
        var store: (any ServiceStore)?
        await examination.check("database") { logger in
            let url = try settings.value(Settings.databaseURL)
            let capacity = try DatabaseCapacity(settings, logger: logger)
            if let path = url.file, !url.exists {
                if let obstacle = SQLiteFileAccess.obstacle(to: path) {
                    throw CommandError("cannot create \(path): \(obstacle)")
                }
                logger.warning("there is no file \(path) yet: `chat-api serve` creates it")
                store = try await OpenDatabase.empty(settings).makeStore()
                return nil
            }
            if url == .sqlite(.memory) {
                logger.warning(
                    "all chats are lost when the server stops: change \(settings.name(of: Settings.databaseURL))"
                )
                store = try await OpenDatabase.empty(settings).makeStore()
                return nil
            }
            let database = try await OpenDatabase(url, settings, capacity: capacity, for: .inspect)
            opened = database
            return "\(url), \(try await database.checkServer(logger: logger))"
        }
        await examination.check("file") { try checkFile(settings, logger: $0) }
        if let database = opened {
            await examination.check("schema") { logger in
                guard
                    let revision = try await database.revisionToUpgrade(upgrading: try settings.value(Settings.migrate))
                else {
                    store = database.makeStore()
                    return "current, \(database.migrations.headRevision)"
                }
                logger.warning(
                    """
                    `chat-api serve` upgrades the schema from \(revision) to \(database.migrations.headRevision): make a \
                    backup first
                    """
                )
                return nil
            }
        }
        if let database = opened, database.isShared {
            await examination.check("notifications") { _ in
                try await database.requireNotifications()
                return "LISTEN works"
            }
        }
        if let database = opened, let store {
            if database.isShared {
                await examination.check("readiness") { _ in
                    try await database.requireReadiness(of: store)
                    return "PostgreSQL accepts writes, and its clock agrees with this machine's"
                }
            }
            await examination.check("timestamps") { logger in
                try await database.warnOfFutureEntries(in: store, logger: logger)
                return "no entry is dated in the future"
            }
        }
        await examination.check("access") { try await checkAccess(settings, store, logger: $0) }
        try? await opened?.close()
    }

    /// Without a store, checks everything but the mode, which depends on the keys in the database.
    private func checkAccess(
        _ settings: SettingsReader,
        _ store: (any ServiceStore)?,
        logger: Logger
    ) async throws -> String? {
        let access = try await AccessControl(settings)
        guard let store else { return nil }
        return try await access.makeAuthenticator(store, logger: logger).0.mode.summary
    }

    /// Below this, the write-ahead log may soon not fit.
    private static let minimumFreeSpace = ByteCount(200_000_000)
    private static let comfortableFreeSpace = ByteCount(2_000_000_000)
    /// Several times what the server lets it grow to.
    private static let maximumLogSize = ByteCount(500_000_000)

    private func checkFile(_ settings: SettingsReader, logger: Logger) throws -> String? {
        guard let path = try settings.value(Settings.databaseURL).file else { return nil }
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        guard let free = DiskFile.freeSpace(at: folder) else { return nil }
        if free < Self.minimumFreeSpace {
            logger.error("only \(free) are free at \(folder): free some space, or writes will soon fail")
        } else if free < Self.comfortableFreeSpace {
            logger.warning("only \(free) are free at \(folder)")
        }
        guard let file = DiskFile(path), FileIdentity(path)?.isRegular == true else { return nil }
        if file.isOpenToOthers {
            logger.warning("other users may read or write the messages: run chmod 600 \(path)")
        }
        if file.owner != geteuid() {
            logger.warning(
                "\(path) belongs to user id \(file.owner), but you are \(geteuid()): run doctor as the service"
            )
        }
        let log = DiskFile("\(path)-wal")?.size ?? ByteCount(0)
        if log > Self.maximumLogSize {
            logger.warning("the write-ahead log has \(log): end programs that read the database, or restart the server")
        }
        return "\(file.size), write-ahead log \(log), \(free) free"
    }

    private func checkDocumentation(_ settings: SettingsReader, logger: Logger) async throws -> String? {
        guard let folder = try Server(settings).docsAssets else { return nil }
        let missing = await DocumentationAssets.missing(in: folder)
        if !missing.isEmpty {
            logger.warning(
                """
                \(folder) lacks \(missing.joined(separator: ", ")): browsers load them from a public CDN unless you set \
                --\(Settings.docsAssets.flag)
                """
            )
        }
        return "the files of the pages are in \(folder)"
    }
}
