import Glibc

/// Files that belong together, such as a certificate and its key, and are read again when one of them changes.
///
/// Reading blocks the thread.
package struct WatchedFiles {
    /// What changes when a file is written or replaced.
    private struct Version: Equatable {
        let inode: UInt
        let size: Int
        let seconds: Int
        let nanoseconds: Int
    }

    /// The maximum size of a file, in bytes.
    private static let maximumSize = 1 << 20

    private let paths: [String]
    /// The versions that were read last, whether they were good or not; nil for a file that was not there.
    private var read: [Version?] = []
    /// The versions at the previous look.
    private var seen: [Version?] = []

    /// Reads nothing yet.
    package init(_ paths: String...) {
        self.paths = paths
    }

    /// Reads the files, in the order of their paths.
    package mutating func contents() throws(FileError) -> [[UInt8]] {
        // A change from here on is noticed.
        read = versions
        seen = read
        var files: [[UInt8]] = []
        for path in paths {
            files.append(try Self.contents(of: path))
        }
        return files
    }

    /// Whether the files have changed since they were last read, and not since the previous call.
    ///
    /// So files that are written in several steps, or one after the other, are read once they are complete.
    package mutating func haveChanged() -> Bool {
        let present = versions
        defer { seen = present }
        return present != read && present == seen
    }

    private var versions: [Version?] {
        paths.map { path in
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            return Version(
                inode: status.st_ino,
                size: status.st_size,
                seconds: status.st_mtim.tv_sec,
                nanoseconds: status.st_mtim.tv_nsec
            )
        }
    }

    private static func contents(of path: String) throws(FileError) -> [UInt8] {
        guard let file = fopen(path, "r") else { throw FileError(path: path) }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: maximumSize + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        guard ferror(file) == 0 else { throw FileError(path: path) }
        guard count <= maximumSize else {
            throw FileError(path: path, reason: "the file is larger than \(maximumSize) bytes")
        }
        return Array(bytes[..<count])
    }
}

/// The reason why a file cannot be used.
package struct FileError: Error, Hashable {
    /// As it was given.
    package let path: String
    /// The operating system's message, or what is wrong with the contents.
    package let reason: String

    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }
}

extension FileError {
    /// The error of the last call.
    fileprivate init(path: String) {
        self.init(path: path, reason: String(cString: strerror(errno)))
    }
}
