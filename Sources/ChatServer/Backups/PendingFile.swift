import Glibc
import SystemPackage

/// A file that gets its name only once it is complete.
///
/// Until then, its name ends in `.partial`. If the process is killed, that file stays, and the next one replaces it.
struct PendingFile {
    /// The path while the file is incomplete.
    let partialPath: String
    private let descriptor: FileDescriptor

    /// Creates the incomplete file, for its owner only.
    ///
    /// - Throws: `CommandError` if it cannot be created, or if another process is writing it.
    init(for path: String) throws(CommandError) {
        partialPath = path + ".partial"
        descriptor = try Self.openAlone(partialPath)
        do {
            try Self.remove(Self.companions(of: partialPath))
            // What a killed process left.
            try descriptor.resize(to: 0)
            guard fchmod(descriptor.rawValue, 0o600) == 0 else { throw Errno(rawValue: errno) }
        } catch {
            try? descriptor.close()
            throw CommandError("cannot write \(partialPath): \(error)")
        }
    }

    /// Syncs the file and gives it its name.
    ///
    /// - Parameter replaces: Whether to replace a file that has the name.
    func complete(as path: String, replacing replaces: Bool) throws(CommandError) {
        guard replaces || !FileIdentity.exists(path) else { throw CommandError("\(path) already exists") }
        do throws(Errno) {
            try descriptor.synchronize()
            guard rename(partialPath, path) == 0 else { throw Errno(rawValue: errno) }
            let folder = try FileDescriptor.openFolder(of: path)
            defer { try? folder.close() }
            try folder.synchronize()
        } catch {
            throw CommandError("cannot write \(path): \(error)")
        }
        try? descriptor.close()
    }

    /// Removes the incomplete file.
    func discard() {
        try? Self.remove([partialPath] + Self.companions(of: partialPath))
        try? descriptor.close()
    }

    /// The files that SQLite keeps beside a database; it would take leftover ones for those of a new database.
    static func companions(of path: String) -> [String] {
        ["-journal", "-wal", "-shm"].map { path + $0 }
    }

    private static func remove(_ paths: [String]) throws(Errno) {
        for path in paths where unlink(path) != 0 && errno != ENOENT {
            throw Errno(rawValue: errno)
        }
    }

    /// Opens the file with a lock, which ends with the process.
    private static func openAlone(_ path: String) throws(CommandError) -> FileDescriptor {
        do {
            while true {
                let descriptor = try FileDescriptor.open(
                    path,
                    .readWrite,
                    options: [.create, .noFollow, .closeOnExec],
                    permissions: .ownerReadWrite
                )
                guard flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0 else {
                    let error = Errno(rawValue: errno)
                    try descriptor.close()
                    if error == .wouldBlock { throw CommandError("another process is writing \(path)") }
                    throw error
                }
                // The process that held the lock may have renamed or removed the file meanwhile.
                if FileIdentity(descriptor) == FileIdentity(path) { return descriptor }
                try descriptor.close()
            }
        } catch let error as CommandError {
            throw error
        } catch {
            throw CommandError("cannot write \(path): \(error)")
        }
    }
}

extension FileDescriptor {
    fileprivate static func openFolder(of path: String) throws(Errno) -> FileDescriptor {
        let folder = FilePath(path).removingLastComponent()
        do {
            return try .open(folder.isEmpty ? "." : folder, .readOnly, options: [.directory, .closeOnExec])
        } catch {
            throw error as? Errno ?? .ioError
        }
    }

    /// Waits until everything is on disk.
    fileprivate func synchronize() throws(Errno) {
        guard fsync(rawValue) == 0 else { throw Errno(rawValue: errno) }
    }
}
