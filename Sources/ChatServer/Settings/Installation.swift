#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// The files beside the program where its archive was unpacked: `bin/chat-api` and `share/chat-api`.
enum Installation {
    /// The folder with the files of Swagger UI and ReDoc; nil where there is none, as in a checkout.
    static let documentation: String? = {
        // The kernel's link to the running program, wherever it was started from.
        guard let program = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(program) }
        let components = String(cString: program).split(separator: "/", omittingEmptySubsequences: false)
        let folder = (components.dropLast(2) + ["share", "chat-api", "docs"]).joined(separator: "/")
        return access(folder, R_OK | X_OK) == 0 ? folder : nil
    }()
}
