/// The server's URL, as you would enter it in a browser.
struct ListeningAddress: CustomStringConvertible {
    let host: String
    let port: Int
    var isEncrypted = false

    /// The host and port as in the `Host` header, with brackets around an IPv6 address.
    var authority: String {
        "\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }

    var description: String {
        "\(isEncrypted ? "https" : "http")://\(authority)"
    }
}
