#ifndef MIRROR_TESTS_MIRRORCTL_MESSAGE_CASES_H_
#define MIRROR_TESTS_MIRRORCTL_MESSAGE_CASES_H_

#include <google/protobuf/message.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

// A message as JSON, in a line for each thing that can be said of it. Fields are gone through by their
// numbers, so that the order of their declaration changes nothing but the order of the names in a line.

namespace mirror::message_cases {

using Json = nlohmann::ordered_json;
using Encode = std::function<Json(const google::protobuf::Message&)>;

/// Gives each field a value that no other field has. `usual`: small numbers, and texts that are JSON, as keys
/// are; else numbers at the ends of their types, and texts that are none.
class Filler {
 public:
  explicit Filler(bool usual) : usual_(usual) {}

  void Fill(google::protobuf::Message* message);

 private:
  template <typename Number>
  Number Next() {
    const auto number = static_cast<Number>(++count_);
    if (usual_) return number;
    return std::numeric_limits<Number>::is_signed
               ? static_cast<Number>(-number)
               : static_cast<Number>(std::numeric_limits<Number>::max() - number);
  }
  std::string Text() {
    return usual_ ? absl::StrCat("[", ++count_, "]") : absl::StrCat("\"text\" \xC3\xA9 ", ++count_);
  }
  void Set(google::protobuf::Message* message, const google::protobuf::FieldDescriptor* field);
  void Add(google::protobuf::Message* message, const google::protobuf::FieldDescriptor* field);

  bool usual_;
  std::uint64_t count_ = 0;
};

inline std::vector<const google::protobuf::FieldDescriptor*> ByNumber(
    const google::protobuf::Descriptor& type) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  for (int i = 0; i < type.field_count(); ++i) fields.push_back(type.field(i));
  std::sort(fields.begin(), fields.end(),
            [](const auto* one, const auto* other) { return one->number() < other->number(); });
  return fields;
}

inline void Filler::Fill(google::protobuf::Message* message) {
  for (const google::protobuf::FieldDescriptor* field : ByNumber(*message->GetDescriptor())) {
    if (field->is_repeated()) {
      Add(message, field);
      Add(message, field);
    } else {
      Set(message, field);
    }
  }
}

inline void Filler::Set(google::protobuf::Message* message, const google::protobuf::FieldDescriptor* field) {
  using Field = google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& of = *message->GetReflection();
  switch (field->cpp_type()) {
    case Field::CPPTYPE_INT32:
      return of.SetInt32(message, field, Next<std::int32_t>());
    case Field::CPPTYPE_INT64:
      return of.SetInt64(message, field, Next<std::int64_t>());
    case Field::CPPTYPE_UINT32:
      return of.SetUInt32(message, field, Next<std::uint32_t>());
    case Field::CPPTYPE_UINT64:
      return of.SetUInt64(message, field, Next<std::uint64_t>());
    case Field::CPPTYPE_DOUBLE:
      return of.SetDouble(message, field, Next<double>());
    case Field::CPPTYPE_FLOAT:
      return of.SetFloat(message, field, Next<float>());
    case Field::CPPTYPE_BOOL:
      return of.SetBool(message, field, true);
    case Field::CPPTYPE_ENUM:
      return of.SetEnumValue(message, field, field->enum_type()->value(1)->number());
    case Field::CPPTYPE_STRING:
      return of.SetString(message, field, Text());
    case Field::CPPTYPE_MESSAGE:
      return Fill(of.MutableMessage(message, field));
  }
}

inline void Filler::Add(google::protobuf::Message* message, const google::protobuf::FieldDescriptor* field) {
  using Field = google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& of = *message->GetReflection();
  if (field->cpp_type() == Field::CPPTYPE_STRING) return of.AddString(message, field, Text());
  if (field->cpp_type() == Field::CPPTYPE_MESSAGE) return Fill(of.AddMessage(message, field));
  if (field->cpp_type() == Field::CPPTYPE_UINT64) return of.AddUInt64(message, field, Next<std::uint64_t>());
  if (field->cpp_type() == Field::CPPTYPE_INT64) return of.AddInt64(message, field, Next<std::int64_t>());
  // No message of the operator's door has a list of anything else; a new one shows as an empty list.
}

/// Says what of `shown` is not as in `full`: {"replace /hub/stopped":null}.
inline std::string Difference(const Json& full, const Json& shown) {
  Json all = Json::object();
  for (const Json& step : Json::diff(full, shown)) {
    all[absl::StrCat(step.at("op").get<std::string>(), " ", step.at("path").get<std::string>())] =
        step.value("value", Json());
  }
  return all.dump();
}

/// What becomes of the JSON of `root` when a field of `part`, or of a message in it, is not set, or an enum
/// has each of its values and one of a newer server. The first of a list stands for the others.
class Walk {
 public:
  Walk(const google::protobuf::Message* root, const Encode& encode, std::vector<std::string>* lines)
      : root_(root), encode_(encode), full_(encode(*root)), lines_(lines) {}

  void Through(google::protobuf::Message* part, const std::string& path) {
    const google::protobuf::Reflection& of = *part->GetReflection();
    for (const google::protobuf::FieldDescriptor* field : ByNumber(*part->GetDescriptor())) {
      const std::string name = absl::StrCat(path, field->name());
      const std::unique_ptr<google::protobuf::Message> before(part->New());
      before->CopyFrom(*part);
      of.ClearField(part, field);
      Note(absl::StrCat("without ", name));
      part->CopyFrom(*before);
      if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_ENUM) TryValues(part, field, name);
      if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
      Through(
          field->is_repeated() ? of.MutableRepeatedMessage(part, field, 0) : of.MutableMessage(part, field),
          absl::StrCat(name, "."));
    }
  }

 private:
  void Note(const std::string& what) {
    lines_->push_back(absl::StrCat(what, ": ", Difference(full_, encode_(*root_))));
  }

  void TryValues(google::protobuf::Message* part, const google::protobuf::FieldDescriptor* field,
                 const std::string& name) {
    constexpr int kOfNewerServer = 99;
    const google::protobuf::Reflection& of = *part->GetReflection();
    const int before = of.GetEnumValue(*part, field);
    std::vector<int> numbers = {kOfNewerServer};
    for (int i = 0; i < field->enum_type()->value_count(); ++i)
      numbers.push_back(field->enum_type()->value(i)->number());
    for (const int number : numbers) {
      of.SetEnumValue(part, field, number);
      Note(absl::StrCat("with ", name, "=", number));
    }
    of.SetEnumValue(part, field, before);
  }

  const google::protobuf::Message* root_;
  Encode encode_;
  Json full_;
  std::vector<std::string>* lines_;
};

/// All lines of one kind of message.
inline std::vector<std::string> LinesOf(const google::protobuf::Message& type, const Encode& encode) {
  const std::unique_ptr<google::protobuf::Message> empty(type.New()), full(type.New()), odd(type.New());
  Filler(/*usual=*/true).Fill(full.get());
  Filler(/*usual=*/false).Fill(odd.get());
  std::vector<std::string> lines = {absl::StrCat("empty: ", encode(*empty).dump()),
                                    absl::StrCat("full: ", encode(*full).dump()),
                                    absl::StrCat("odd: ", encode(*odd).dump())};
  Walk(full.get(), encode, &lines).Through(full.get(), "");
  for (std::string& line : lines) line = absl::StrCat(type.GetDescriptor()->name(), " ", line);
  return lines;
}

}  // namespace mirror::message_cases

#endif  // MIRROR_TESTS_MIRRORCTL_MESSAGE_CASES_H_
