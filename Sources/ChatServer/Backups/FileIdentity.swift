import Glibc
import SystemPackage

/// What a file is, whatever its name.
struct FileIdentity: Equatable {
    private let device: UInt
    private let number: UInt
    /// Whether it is a file rather than a folder, a device or a pipe.
    let isRegular: Bool

    /// Nil if there is no such file.
    ///
    /// - Parameter followsLinks: Whether to look at what a symbolic link leads to.
    init?(_ path: String, followsLinks: Bool = true) {
        var status = stat()
        guard (followsLinks ? stat(path, &status) : lstat(path, &status)) == 0 else { return nil }
        self.init(status)
    }

    init?(_ descriptor: FileDescriptor) {
        var status = stat()
        guard fstat(descriptor.rawValue, &status) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        device = UInt(status.st_dev)
        number = UInt(status.st_ino)
        isRegular = status.st_mode & S_IFMT == S_IFREG
    }

    /// Whether the name is taken, even by a symbolic link to nothing.
    static func exists(_ path: String) -> Bool {
        FileIdentity(path, followsLinks: false) != nil
    }
}
