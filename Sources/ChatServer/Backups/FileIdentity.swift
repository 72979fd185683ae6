import Glibc
import SystemPackage

/// What a file is, whatever its name.
struct FileIdentity: Equatable {
    private let device: UInt
    private let number: UInt
    /// Whether it is a file rather than a folder, a device or a pipe.
    let isRegular: Bool

    /// Follows symbolic links; nil if there is no such file.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
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
        var status = stat()
        return lstat(path, &status) == 0
    }
}
