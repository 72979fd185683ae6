import Glibc

/// Checks whether the operating system lets this process write a database file and its log.
package enum SQLiteFileAccess {
    /// Describes what denies access, with the user ids; nil if nothing does.
    ///
    /// SQLite itself only reports that it cannot open the file, or later that it cannot write to it.
    package static func obstacle(to path: String) -> String? {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        if access(folder, F_OK) != 0, errno == ENOENT { return "there is no folder \(folder)" }
        // SQLite creates and removes the log, so it needs to write to the folder, too.
        return [(folder, W_OK | X_OK), (path, R_OK | W_OK), ("\(path)-wal", R_OK | W_OK), ("\(path)-shm", R_OK | W_OK)]
            .lazy.compactMap { obstacle(to: $0, mode: $1) }.first
    }

    private static func obstacle(to path: String, mode: Int32) -> String? {
        guard access(path, mode) != 0 else { return nil }
        switch errno {
        case EROFS: return "\(path) is on a read-only file system"
        case EACCES, EPERM:
            var status = stat()
            let owner = stat(path, &status) == 0 ? ", which belongs to user id \(status.st_uid)" : ""
            return "user id \(getuid()) may not write to \(path)\(owner)"
        default: return nil
        }
    }
}
