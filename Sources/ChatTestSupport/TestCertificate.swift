import Subprocess

/// A certificate for 127.0.0.1 and its key, in a folder of the caller's.
package struct TestCertificate: Sendable {
    package let certificate: String
    package let key: String

    /// Makes a self-signed certificate with openssl.
    package init(in folder: String, name: String = "server") async throws {
        certificate = "\(folder)/\(name).pem"
        key = "\(folder)/\(name).key"
        let result = try await Subprocess.run(
            .name("openssl"),
            arguments: [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", "/CN=\(name)", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
            ],
            output: .discarded,
            error: .discarded
        )
        precondition(result.terminationStatus.isSuccess, "openssl failed")
    }
}
