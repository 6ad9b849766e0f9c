#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_MESSAGE_JSON_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_MESSAGE_JSON_H_

#include <google/protobuf/generated_enum_reflection.h>
#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

// What `--json` prints, and what pages are given.

namespace mirror {

using Json = nlohmann::ordered_json;

/// The server that each line of a list is from, where several were asked.
using LineServers = std::vector<std::string>;

/// A message with the names of its fields, in the order of their declaration. Numbers are numbers, bytes are
/// hexadecimal, a message that is absent is null. Times end in _ms: unix milliseconds. What is shown
/// otherwise stands in the table of exceptions, see message_json.cc.
Json ToJson(const google::protobuf::Message& message);

/// The fields that are shown otherwise, as "Tenant.door".
std::vector<std::string> JsonExceptions();

/// The word for a value: its name without what the names of all values begin with, in lower case, or another
/// one. A value of a newer server counts as the unspecified one.
std::string EnumWord(const google::protobuf::EnumDescriptor& type, int number);
template <typename Enum>
std::string EnumWord(Enum value) {
  return EnumWord(*google::protobuf::GetEnumDescriptor<Enum>(), static_cast<int>(value));
}

/// Each message of a repeated field. `servers`: null where one was asked.
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

/// What the server sent as JSON; as a text where it is none.
Json ParsedJson(const std::string& text);

/// Everything but ASCII is written as \u...: a terminal that shows it acts on nothing.
void PrintJson(std::ostream& out, const Json& json);
/// The same on one line.
void PrintJsonLine(std::ostream& out, const Json& json);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_MESSAGE_JSON_H_
