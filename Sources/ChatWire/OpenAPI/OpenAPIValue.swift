/// A value in the OpenAPI document: JSON with ordered members, and references to components.
package indirect enum OpenAPIValue: Sendable {
    case string(String)
    case integer(Int)
    case boolean(Bool)
    case array([OpenAPIValue])
    case object(Members)
    case json(JSONValue)
    /// The path of a component, such as `#/components/schemas/Chat`; the document includes every component referred to.
    case pointer(Component)

    /// In their written order, each name once.
    package typealias Members = [(String, OpenAPIValue)]

    /// A named part of the document that other parts refer to.
    package struct Component: Sendable {
        /// The sections of `components` in use; the raw value is the key.
        package enum Section: String, CaseIterable, Sendable {
            case parameters, headers, responses, schemas
        }

        /// The section of `components` that contains it.
        package let section: Section
        /// Unique within the section.
        package let name: String
        /// The definition; it may refer to further components.
        package let value: OpenAPIValue

        /// Names a definition; equal names must have equal definitions, since the document keeps one.
        package init(_ section: Section, _ name: String, _ value: OpenAPIValue) {
            self.section = section
            self.name = name
            self.value = value
        }
    }

    /// An object with a `$ref` to a component.
    package static func reference(_ section: Component.Section, _ name: String, _ value: OpenAPIValue) -> OpenAPIValue {
        ["$ref": .pointer(Component(section, name, value))]
    }

    /// A value encoded as a response would encode it.
    package static func example(_ value: some JSONWritable) -> OpenAPIValue {
        var writer = JSONWriter()
        value.write(to: &writer)
        return .json(JSONValue(checked: writer.bytes[...]))
    }
}

extension OpenAPIValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .boolean(value) }
    package init(arrayLiteral elements: OpenAPIValue...) { self = .array(elements) }
    package init(dictionaryLiteral members: (String, OpenAPIValue)...) { self = .object(members) }
}

extension OpenAPIValue: JSONWritable {
    /// Writes a component reference as its path.
    package func write(to writer: inout JSONWriter) {
        switch self {
        case .string(let value): writer.value(value)
        case .integer(let value): writer.value(value)
        case .boolean(let value): writer.value(value)
        case .array(let elements): writer.value(elements)
        case .object(let members):
            writer.object { writer in
                for (name, value) in members {
                    writer.member(named: name, value)
                }
            }
        case .json(let value): writer.value(value)
        case .pointer(let component):
            writer.value("#/components/\(component.section.rawValue)/\(component.name)")
        }
    }

    /// Adds the components that the value refers to, directly or indirectly.
    ///
    /// - Parameter components: Definitions by section and name.
    package func collectComponents(into components: inout [Component.Section: [String: OpenAPIValue]]) {
        switch self {
        case .array(let elements):
            for element in elements { element.collectComponents(into: &components) }
        case .object(let members):
            for (_, value) in members { value.collectComponents(into: &components) }
        case .pointer(let component):
            let known = components[component.section, default: [:]].updateValue(component.value, forKey: component.name)
            if known == nil { component.value.collectComponents(into: &components) }
        case .string, .integer, .boolean, .json: break
        }
    }
}
