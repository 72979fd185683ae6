import CLibPQ

/// A connection string that libpq understands: every option of libpq's may stand in it.
///
/// The schemes of SQLAlchemy's drivers are understood as well, since that is what its users have.
package struct PostgresURL: Equatable, Sendable, CustomStringConvertible {
    /// The string for libpq, password included.
    ///
    /// Never to be logged.
    package let connectionString: String
    /// The URL for people, without any password.
    package let description: String
    /// The servers that it names, in the order in which they are tried; one at least.
    let hosts: [Host]

    /// A server as libpq's options name it, empty for what is left to libpq's defaults.
    struct Host: Equatable, Sendable {
        let name: String
        let address: String
        let port: String
    }

    /// Nil if the scheme is not PostgreSQL's or libpq does not accept the rest.
    package init?(_ text: String) {
        let schemes = ["postgresql", "postgres", "postgresql+psycopg2", "postgresql+psycopg", "postgresql+asyncpg"]
        guard let colon = text.firstRange(of: "://"), schemes.contains(String(text[..<colon.lowerBound])) else {
            return nil
        }
        // asyncpg's only name for what libpq calls sslmode.
        let rest = text[colon.upperBound...]
            .replacing("?ssl=", with: "?sslmode=").replacing("&ssl=", with: "&sslmode=")
        let string = "postgresql://" + rest
        guard let parts = Self.parse(string) else { return nil }
        connectionString = string
        hosts = Self.hosts(in: parts)
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
        func list(_ keyword: String) -> [String] {
            (parts[keyword] ?? "").split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"))
        return (0..<max(names.count, addresses.count)).map { index in
            Host(
                name: names.dropFirst(index).first ?? "",
                address: addresses.dropFirst(index).first ?? "",
                port: ports.count == 1 ? ports[0] : ports.dropFirst(index).first ?? ""
            )
        }
    }

    private static func describe(_ parts: [String: String], _ hosts: [Host]) -> String {
        let user = parts["user"].map { "\($0)@" } ?? ""
        let addresses = hosts.map { host in
            let name = host.name.isEmpty ? host.address : host.name
            return host.port.isEmpty ? name : "\(name):\(host.port)"
        }
        return "postgresql://\(user)\(addresses.joined(separator: ","))/\(parts["dbname"] ?? "")"
    }
}
