import ChatTestSupport
import Foundation
import Testing

/// Compares the container files with the package, the scripts and the program's configuration.
@Suite(.timeLimit(.minutes(5)))
struct ContainerTests {
    private let dockerfile: Dockerfile
    private let compose: String
    private let manifest: String

    init() throws {
        dockerfile = Dockerfile(try PackageFile.read("Dockerfile"))
        compose = try PackageFile.read("docker-compose.yml")
        manifest = try PackageFile.read("Package.swift")
    }

    @Test func `the image's Swift is new enough for the package`() throws {
        let needed = try #require(manifest.firstMatch(of: /swift-tools-version: (\d+)\.(\d+)/))
        let image = try #require(dockerfile.image(of: "source").firstMatch(of: /^swift:(\d+)\.(\d+)\.\d+-/))
        let (neededVersion, version) = try (
            (#require(Int(needed.1)), #require(Int(needed.2))), (#require(Int(image.1)), #require(Int(image.2)))
        )
        #expect(version >= neededVersion)
    }

    @Test func `the image runs on the Debian release that it is built on`() throws {
        let release = try #require(dockerfile.image(of: "source").split(separator: "-").last)
        #expect(dockerfile.image(of: "root") == "debian:\(release)-slim")
        #expect(dockerfile.image(of: "docs") == dockerfile.image(of: "root"))
    }

    @Test func `the image runs the package's product`() async throws {
        let product = try String(#require(manifest.firstMatch(of: /\.executable\(name: "([^"]+)"/)).1)
        let build = try #require(dockerfile.arguments(of: "RUN", in: "build").first)
        #expect(build.contains(" Scripts/build \(product) "))
        #expect(build.hasSuffix(" .build/release/\(product)"))
        #expect(dockerfile.arguments(of: "COPY", in: "root").contains { $0.contains("/bin/\(product) ") })
        #expect(
            dockerfile.arguments(of: "RUN", in: "root").last
                == "Scripts/image-root /image /image/usr/local/bin/\(product)"
        )
        #expect(dockerfile.image(of: "runtime") == "scratch")
        #expect(dockerfile.arguments(of: "COPY", in: "runtime") == ["--from=root /image /"])
        #expect(dockerfile.arguments(of: "ENTRYPOINT", in: "runtime") == [#"["\#(product)"]"#])

        let healthcheck = try #require(dockerfile.arguments(of: "HEALTHCHECK", in: "runtime").first)
        let command = try #require(dockerfile.arguments(of: "CMD", in: "runtime").first)
        let asked = try #require(healthcheck.firstMatch(of: /CMD \["([^"]+)", "([a-z]+)"\]$/))
        let served = try #require(command.firstMatch(of: /^\["([a-z]+)"\]$/))
        #expect(asked.1 == product)
        for subcommand in [asked.2, served.1] {
            let help = try await ChatAPIProcess.run(String(subcommand), "--help", in: NSTemporaryDirectory())
            #expect(help.output.contains("USAGE: \(product) \(subcommand) "))
        }
    }

    @Test func `the port is the default one everywhere`() async throws {
        let port = try #require(try await Self.settings()["CHAT_PORT"])
        #expect(dockerfile.arguments(of: "EXPOSE", in: "runtime") == [port])
        #expect(dockerfile.environment(of: "runtime")["CHAT_PORT"] == nil)
        #expect(try service("api").contains(#"- "${CHAT_PORT:-\#(port)}:\#(port)""#))
        #expect(try !service("db").contains("ports:"))
    }

    @Test func `every variable is a setting of the program`() async throws {
        let settings = try await Self.settings()
        let image = dockerfile.environment(of: "runtime")
        #expect(Set(image.keys) == ["PATH", "CHAT_HOST", "DATABASE_URL"])
        let api = try service("api").matches(of: #/\n      ([A-Z_]+): /#).map { String($0.1) }
        #expect(Set(api) == ["CHAT_AUTH", "CHAT_LIMITS", "CHAT_MIGRATE", "DATABASE_URL"])
        for variable in image.keys + api where variable != "PATH" {
            #expect(settings[variable] != nil, "\(variable)")
        }
    }

    @Test func `the image's variables match what it contains`() throws {
        let environment = dockerfile.environment(of: "runtime")
        let volume = try #require(dockerfile.arguments(of: "VOLUME", in: "runtime").first)
        #expect(environment["CHAT_HOST"] == "0.0.0.0")
        #expect(environment["DATABASE_URL"] == "sqlite:///\(volume)/chat.db")
        #expect(environment["PATH"] == "/usr/local/bin")
        // Where the program looks for them, relative to its own folder.
        let assets = "--from=docs /src/public/docs /image/usr/local/share/chat-api/docs"
        #expect(dockerfile.arguments(of: "COPY", in: "root").contains(assets))
        #expect(try PackageFile.read("Scripts/docs-assets").contains("\ntarget=public/docs\n"))
    }

    @Test func `the image does not run as root`() throws {
        let user = try #require(dockerfile.arguments(of: "USER", in: "runtime").last)
        #expect(try #require(Int(user)) > 0)
        #expect(try PackageFile.read("Scripts/image-root").contains("\nuser=\(user)\n"))
    }

    @Test func `the images have the libraries that the setup script installs`() throws {
        let packages = try #require(try PackageFile.read("Scripts/setup").firstMatch(of: /\nbuild_packages=\((.*)\)/)).1
        let libraries = packages.split(separator: " ").filter { $0.hasSuffix("-dev") }.map(String.init)
        #expect(dockerfile.debianPackages(of: "source") == Set(libraries))
        let runtime = try libraries.map { library in
            try #require(
                ["libcurl4-openssl-dev": "libcurl4", "libpq-dev": "libpq5", "libsqlite3-dev": "libsqlite3-0"][library]
            )
        }
        #expect(dockerfile.debianPackages(of: "root") == Set(runtime + ["ca-certificates"]))
    }

    @Test func `the services are stages of the Dockerfile`() throws {
        for (name, stage) in [("api", "runtime"), ("api-tests", "test")] {
            #expect(try service(name).contains("\n      target: \(stage)\n"))
            #expect(dockerfile.image(of: stage) != "")
            #expect(try service(name).contains("\n      db:\n        condition: service_healthy"))
        }
        #expect(try service("api-tests").contains("\n    profiles: [test]\n"))
        #expect(try service("api-tests").contains("\n      TEST_DATABASE_URL: *database-url\n"))
    }

    @Test func `the database is PostgreSQL 16 with a volume and the tests' number of connections`() throws {
        let database = try service("db")
        #expect(database.contains(/\n    image: postgres:16-[a-z]+\n/))
        #expect(database.contains("\n      - db-data:/var/lib/postgresql/data\n"))
        #expect(database.contains("\n    healthcheck:\n"))
        #expect(compose.hasSuffix("\nvolumes:\n  db-data:\n"))
        let ofTests = try #require(
            try PackageFile.read("Scripts/with-postgres").firstMatch(of: /max_connections=(\d+)/)
        ).1
        #expect(database.contains(#"-c", "max_connections=\#(ofTests)""#))
    }

    @Test func `Compose waits longer than the program's shutdown takes`() async throws {
        let grace = try #require(try await Self.settings()["CHAT_SHUTDOWN_GRACE"].flatMap(Int.init))
        let period = try #require(try service("api").firstMatch(of: /\n    stop_grace_period: (\d+)s\n/))
        #expect(try #require(Int(period.1)) > grace)
    }

    @Test func `everything that the Dockerfile copies is in its context`() throws {
        let sources = dockerfile.instructions
            .filter { $0.name == "COPY" && !$0.arguments.contains("--from=") }
            .flatMap { $0.arguments.split(separator: " ").dropLast() }
        let copied = Set(sources.map { String($0.split(separator: "/")[0]) })
        let lines = try PackageFile.read(".dockerignore").split(separator: "\n")
        #expect(lines.contains("*"))
        #expect(Set(lines.filter { $0.hasPrefix("!") }.map { String($0.dropFirst()) }) == copied)
    }

    @Test func `the image has the folder of every target`() throws {
        let copied = dockerfile.arguments(of: "COPY", in: "source").flatMap { $0.split(separator: " ").dropLast() }
        let targets = manifest.split(separator: /\.(?=(?:target|executableTarget|systemLibrary|testTarget)\()/)
            .dropFirst()
        #expect(targets.count > 10)
        for target in targets {
            let name = try #require(target.firstMatch(of: /\(\s*name: "([^"]+)"/)).1
            let fallback = target.hasPrefix("testTarget") ? "Tests/\(name)" : "Sources/\(name)"
            let folder = target.firstMatch(of: /\bpath: "([^"]+)"/).map { String($0.1) } ?? fallback
            #expect(copied.contains { folder == $0 || folder.hasPrefix($0 + "/") }, "\(folder)")
        }
    }

    /// The lines of a service, without its name.
    private func service(_ name: String) throws -> String {
        let lines = compose.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex(of: "  \(name):"))
        return "\n" + lines[(start + 1)...].prefix { $0.hasPrefix("    ") }.joined(separator: "\n") + "\n"
    }

    /// The default of every variable, from `serve --help`.
    private static func settings() async throws -> [String: String] {
        let help = try await ChatAPIProcess.run("serve", "--help", in: NSTemporaryDirectory())
        let settings = help.output.matches(of: /\[([A-Z_]+)\]\s+\(default:\s+([^)]*)\)/)
        return Dictionary(settings.map { (String($0.1), String($0.2)) }, uniquingKeysWith: { $1 })
    }
}

/// The instructions of a Dockerfile by stage.
private struct Dockerfile {
    struct Instruction {
        let stage: String
        let name: String
        let arguments: String
    }

    let instructions: [Instruction]

    /// Every stage must have a name.
    init(_ text: String) {
        var stage = ""
        instructions = text.replacing(/\n#.*/, with: "").replacing(/\s*\\\n\s*/, with: " ").split(separator: "\n")
            .compactMap { line in
                guard let match = line.wholeMatch(of: /([A-Z]+) (.*)/) else { return nil }
                if match.1 == "FROM", let name = match.2.firstMatch(of: #/ AS (\S+)$/#) {
                    stage = String(name.1)
                }
                return Instruction(stage: stage, name: String(match.1), arguments: String(match.2))
            }
    }

    func arguments(of name: String, in stage: String) -> [String] {
        instructions.filter { $0.stage == stage && $0.name == name }.map(\.arguments)
    }

    /// The image or stage that the stage starts from; empty if there is no such stage.
    func image(of stage: String) -> String {
        arguments(of: "FROM", in: stage).first?.split(separator: " ").first.map(String.init) ?? ""
    }

    func environment(of stage: String) -> [String: String] {
        let pairs = arguments(of: "ENV", in: stage).flatMap { $0.matches(of: /(\S+?)=(\S+)/) }
        return Dictionary(pairs.map { (String($0.1), String($0.2)) }, uniquingKeysWith: { $1 })
    }

    /// The packages that the stage installs with apt-get.
    func debianPackages(of stage: String) -> Set<String> {
        let commands = arguments(of: "RUN", in: stage).flatMap { $0.matches(of: /apt-get -qq install ([^&]*)/) }
        return Set(commands.flatMap { $0.1.split(separator: " ") }.filter { !$0.hasPrefix("-") }.map(String.init))
    }
}
