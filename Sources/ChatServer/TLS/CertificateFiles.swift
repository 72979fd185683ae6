import Executors
import Files
import HTTPConnections

/// Reads a certificate and its key from their files, on its own thread, because reading a file blocks.
actor CertificateFiles {
    private let executor = ThreadExecutor()
    private let paths: TLSFiles
    private var files: WatchedFiles

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    init(_ paths: TLSFiles) {
        self.paths = paths
        files = WatchedFiles(paths.certificate, paths.key)
    }

    /// Reads the pair.
    ///
    /// - Throws: The reason why a file cannot be used.
    func load() throws(FileError) -> CertifiedKey {
        let contents = try files.contents()
        do throws(CertifiedKey.Flaw) {
            return try CertifiedKey(certificates: contents[0], key: contents[1])
        } catch {
            switch error {
            case .certificate(let reason): throw FileError(path: paths.certificate, reason: reason)
            case .key(let reason): throw FileError(path: paths.key, reason: reason)
            }
        }
    }

    /// Reads the pair and presents it on new connections; keeps the previous one if the files cannot be used.
    func reload(into identity: ServerIdentity) throws(FileError) -> CertifiedKey {
        let key = try load()
        identity.replace(with: key)
        return key
    }

    /// Whether the files have changed since they were last read, and are complete.
    func haveChanged() -> Bool {
        files.haveChanged()
    }
}
