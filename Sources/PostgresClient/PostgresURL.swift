import CLibPQ

/// A connection URL with any of libpq's options.
///
/// It also accepts the schemes of SQLAlchemy's drivers, which existing configurations may use.
package struct PostgresURL: Equatable, Sendable, CustomStringConvertible {
    /// The URL for libpq, including the password.
    ///
    /// Never log it.
    package let connectionString: String
    /// The URL for the log, without any password.
    package let description: String
    /// The URL's servers, in the order in which they are tried; at least one.
    package let hosts: [Host]

    /// Whether a server that turns out to be read-only must be left: true unless the URL says otherwise.
    let wantsWritableServer: Bool

    /// A server as in libpq's options; an empty name or address stands for libpq's default.
    package struct Host: Equatable, Sendable {
        /// A host name, or the directory of a Unix socket.
        package let name: String
        /// A numeric address, which makes a name lookup unnecessary.
        package let address: String
        /// Never empty: libpq treats an empty option as missing, and would use the URL's list instead.
        package let port: String
    }

    /// Returns nil if the scheme is not PostgreSQL's or libpq rejects the rest.
    package init?(_ text: String) {
        let schemes = ["postgresql", "postgres", "postgresql+psycopg2", "postgresql+psycopg", "postgresql+asyncpg"]
        guard let colon = text.firstRange(of: "://"), schemes.contains(String(text[..<colon.lowerBound])) else {
            return nil
        }
        // asyncpg calls libpq's `sslmode` option `ssl`.
        let rest = text[colon.upperBound...]
            .replacing("?ssl=", with: "?sslmode=").replacing("&ssl=", with: "&sslmode=")
        let string = "postgresql://" + rest
        guard let parts = Self.parse(string) else { return nil }
        connectionString = string
        hosts = Self.hosts(in: parts)
        wantsWritableServer = parts["target_session_attrs", default: "read-write"] == "read-write"
        description = Self.describe(parts, hosts)
    }

    private static func parse(_ string: String) -> [String: String]? {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(string, &message) else {
            // The message may quote the password.
            PQfreemem(message)
            return nil
        }
        defer { PQconninfoFree(options) }
        var parts: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            parts[String(cString: keyword)] = option.pointee.val.map { String(cString: $0) }
            option += 1
        }
        return parts
    }

    private static func hosts(in parts: [String: String]) -> [Host] {
        let (names, addresses) = (list("host", in: parts), list("hostaddr", in: parts))
        return (0..<max(names.count, addresses.count)).map { index in
            Host(
                name: names.dropFirst(index).first ?? "",
                address: addresses.dropFirst(index).first ?? "",
                port: port(ofHost: index, in: parts) ?? defaultPort
            )
        }
    }

    /// The port in the URL; nil if it has none.
    private static func port(ofHost index: Int, in parts: [String: String]) -> String? {
        let ports = list("port", in: parts)
        let port = ports.count == 1 ? ports[0] : ports.dropFirst(index).first ?? ""
        return port.isEmpty ? nil : port
    }

    private static func list(_ keyword: String, in parts: [String: String]) -> [String] {
        (parts[keyword] ?? "").split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    /// libpq's default port, which the environment may set.
    private static var defaultPort: String {
        guard let options = PQconndefaults() else { return "5432" }
        defer { PQconninfoFree(options) }
        var option = options
        while let keyword = option.pointee.keyword {
            if String(cString: keyword) == "port", let port = option.pointee.val { return String(cString: port) }
            option += 1
        }
        return "5432"
    }

    private static func describe(_ parts: [String: String], _ hosts: [Host]) -> String {
        let user = parts["user"].map { "\($0)@" } ?? ""
        let addresses = hosts.indices.map { index in
            let name = hosts[index].name.isEmpty ? hosts[index].address : hosts[index].name
            return port(ofHost: index, in: parts).map { "\(name):\($0)" } ?? name
        }
        return "postgresql://\(user)\(addresses.joined(separator: ","))/\(parts["dbname"] ?? "")"
    }
}
