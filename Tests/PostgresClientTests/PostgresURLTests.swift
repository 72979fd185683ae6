import PostgresClient
import Testing

@Suite struct PostgresURLTests {
    @Test(arguments: [
        ("postgresql://me:secret@db:5433/chat", "postgresql://me@db:5433/chat"),
        ("postgres://db/chat", "postgresql://db/chat"),
        ("postgresql+psycopg2://me:secret@db/chat", "postgresql://me@db/chat"),
        ("postgresql+psycopg://me@db/chat", "postgresql://me@db/chat"),
        ("postgresql+asyncpg://me:secret@db/chat?ssl=require", "postgresql://me@db/chat"),
        ("postgresql://one:1,two:2/chat?target_session_attrs=read-write", "postgresql://one:1,two:2/chat"),
        ("postgresql://one,two/chat?port=5433&hostaddr=10.0.0.1,10.0.0.2", "postgresql://one:5433,two:5433/chat"),
        ("postgresql:///chat?hostaddr=10.0.0.1,10.0.0.2", "postgresql://10.0.0.1,10.0.0.2/chat"),
        ("postgresql:///chat?host=/run/postgresql&password=secret", "postgresql:///run/postgresql/chat"),
    ])
    func `URLs are parsed and described without their password`(_ text: String, _ description: String) throws {
        let url = try #require(PostgresURL(text))
        #expect(url.description == description)
        #expect(url.connectionString.hasPrefix("postgresql://"))
    }

    @Test func `asyncpg's name for the TLS mode is translated`() {
        let url = PostgresURL("postgresql+asyncpg://db/chat?ssl=require")
        #expect(url?.connectionString == "postgresql://db/chat?sslmode=require")
    }

    @Test(arguments: ["mysql://db/chat", "db", "", "postgresql+pg8000://db/chat", "postgresql://db/chat?nonsense=1"])
    func `other URLs are rejected`(_ text: String) {
        #expect(PostgresURL(text) == nil)
    }

    /// libpq would use the URL's list of ports in place of an empty one.
    @Test func `a host without a port has libpq's default port`() throws {
        let url = try #require(PostgresURL("postgresql://one,two:5433,three/chat"))
        #expect(url.hosts.map(\.port) == ["5432", "5433", "5432"])
    }
}
