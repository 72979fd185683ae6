/// A value in the OpenAPI document: JSON whose members keep their order, and pointers to the document's components.
package indirect enum OpenAPIValue: Sendable {
    case string(String)
    case integer(Int)
    case boolean(Bool)
    case array([OpenAPIValue])
    case object(Members)
    case json(JSONValue)
    /// The reference to a component. The document contains every component that it refers to.
    case pointer(Component)

    package typealias Members = [(String, OpenAPIValue)]

    /// A value with a name that others refer to.
    package struct Component: Sendable {
        package enum Section: String, CaseIterable, Sendable {
            case parameters, headers, responses, schemas
        }

        package let section: Section
        package let name: String
        package let value: OpenAPIValue

        package init(_ section: Section, _ name: String, _ value: OpenAPIValue) {
            self.section = section
            self.name = name
            self.value = value
        }
    }

    /// A `$ref` to a component.
    package static func reference(_ section: Component.Section, _ name: String, _ value: OpenAPIValue) -> OpenAPIValue {
        ["$ref": .pointer(Component(section, name, value))]
    }

    /// A value as responses have it.
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

    /// Adds the components that the value refers to, directly or through others.
    ///
    /// - Parameter components: By their section and name.
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
