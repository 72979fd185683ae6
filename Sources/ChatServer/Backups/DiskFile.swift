import Foundation
import Glibc

/// The size, owner and permissions of a file.
struct DiskFile {
    let size: ByteCount
    let owner: uid_t
    /// Whether users other than the owner may read or write it.
    let isOpenToOthers: Bool

    /// Nil if the file does not exist or is out of reach.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        size = ByteCount(Int64(status.st_size))
        owner = status.st_uid
        isOpenToOthers = status.st_mode & (S_IRWXG | S_IRWXO) != 0
    }

    /// The free space on the file's volume, for users without privileges.
    static func freeSpace(at path: String) -> ByteCount? {
        var volume = statvfs()
        guard statvfs(path, &volume) == 0 else { return nil }
        return ByteCount(Int64(clamping: UInt64(volume.f_bavail) * UInt64(volume.f_frsize)))
    }
}

/// A number of bytes, described in the largest fitting unit.
struct ByteCount: Comparable, CustomStringConvertible {
    let bytes: Int64

    init(_ bytes: Int64) {
        self.bytes = bytes
    }

    static func < (left: ByteCount, right: ByteCount) -> Bool {
        left.bytes < right.bytes
    }

    var description: String {
        switch bytes {
        case 1_000_000_000...: String(format: "%.1f GB", Double(bytes) / 1e9)
        case 1_000_000...: String(format: "%.1f MB", Double(bytes) / 1e6)
        default: String(format: "%.0f kB", Double(bytes) / 1e3)
        }
    }
}
