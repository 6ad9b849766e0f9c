#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_MESSAGE_JSON_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_MESSAGE_JSON_H_

#include <google/protobuf/generated_enum_reflection.h>
#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

// Makes the JSON for `--json` and for the pages.

namespace mirror {

using Json = nlohmann::ordered_json;

/// For each line of a list the server that it came from, if several servers were asked.
using LineServers = std::vector<std::string>;

/// Converts a message to an object with its fields by name, in the order of their declaration. Numbers stay
/// numbers, bytes become hexadecimal text, and an absent message becomes null. Names of times end in _ms:
/// unix milliseconds. The table of exceptions in message_json.cc has the fields with another form.
Json ToJson(const google::protobuf::Message& message);

/// Returns the names of the fields with another form, such as "Tenant.door".
std::vector<std::string> JsonExceptions();

/// Returns the word for an enum value: its name in lower case without the prefix that all values share, or a
/// word from a table of exceptions. A value that only a newer server knows counts as the unspecified value.
std::string EnumWord(const google::protobuf::EnumDescriptor& type, int number);
template <typename Enum>
std::string EnumWord(Enum value) {
  return EnumWord(*google::protobuf::GetEnumDescriptor<Enum>(), static_cast<int>(value));
}

/// Converts each message of a repeated field. `servers`: null if one server was asked.
template <typename Messages>
Json ToJsonArray(const Messages& messages, const LineServers* servers = nullptr) {
  Json list = Json::array();
  for (const auto& message : messages) {
    Json object = ToJson(message);
    if (servers != nullptr) object["server"] = servers->at(list.size());
    list.push_back(std::move(object));
  }
  return list;
}

/// Parses a text from the server as JSON. If it is not JSON, returns it as a JSON string.
Json ParsedJson(const std::string& text);

/// Prints JSON. Characters that are not ASCII are printed as \u..., so that no control character reaches a
/// terminal.
void PrintJson(std::ostream& out, const Json& json);
/// Prints JSON in the same form on one line.
void PrintJsonLine(std::ostream& out, const Json& json);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_MESSAGE_JSON_H_
