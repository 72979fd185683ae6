import Glibc

/// The files installed with the program: `share/chat-api` next to `bin/chat-api`.
enum Installation {
    /// The folder with the Swagger UI and ReDoc files; nil if it does not exist, as in a checkout.
    static let documentation: String? = {
        // The kernel's link to the running program, which does not depend on how it was started.
        guard let program = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(program) }
        let components = String(cString: program).split(separator: "/", omittingEmptySubsequences: false)
        let folder = (components.dropLast(2) + ["share", "chat-api", "docs"]).joined(separator: "/")
        return access(folder, R_OK | X_OK) == 0 ? folder : nil
    }()
}
