/// Where a browser finds the server.
struct ListeningAddress: CustomStringConvertible {
    let host: String
    let port: Int

    /// As `Host` has it.
    var authority: String {
        "\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }

    var description: String {
        "http://\(authority)"
    }
}
