#include "tools/mirrorctl/admin/message_json.h"

#include <cstdint>
#include <iterator>
#include <map>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/text/text_stream.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/admin_output.h"

namespace mirror {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

enum class Form {
  kAsItIs,
  kLeftOut,
  kNullIfEmpty,   ///< For a text, number or list: null if it is empty or 0.
  kParsed,        ///< The text, or each text of a list, is JSON.
  kParsedOrNull,  ///< As kParsed; null if the text is empty.
  kMilliseconds,  ///< Converts seconds to milliseconds; null for 0.
};

struct Exception {
  Form form = Form::kAsItIs;
  const char* name = nullptr;  ///< Null: the field's own name.
  /// Name of another field of the same message. If that field is not set, this field is null.
  const char* null_without = nullptr;
  /// If set, used instead of all members above: adds the content of the message to `object`.
  void (*add)(const Message& message, Json& object) = nullptr;
};

constexpr Exception kLeftOut = {Form::kLeftOut}, kNullIfEmpty = {Form::kNullIfEmpty},
                    kParsed = {Form::kParsed}, kParsedOrNull = {Form::kParsedOrNull};

template <typename Kind>
const Kind& As(const Message& message) {
  return static_cast<const Kind&>(message);
}

/// Adds the fields of the delivery as if they were the message's own.
template <typename Kind>
void AddDelivery(const Message& message, Json& object) {
  object.update(ToJson(As<Kind>(message).delivery()));
}

void AddSourceObjects(const Message& message, Json& object) {
  const auto& table = As<v1::TableIndexes>(message);
  object["told"] = table.has_source_objects();
  object.update(ToJson(table.source_objects()));
}

void AddOperation(const Message& message, Json& object) {
  const auto& version = As<v1::ReadRowHistoryResponse::Version>(message);
  object["operation"] = version.from_moment() == 0 ? Json() : Json(version.is_insert() ? "INSERT" : "UPDATE");
}

void AddBefore(const Message& message, Json& object) {
  const std::string& before = As<v1::ExplainRowResponse::Column>(message).before();
  object["before"] = before.empty() ? Json() : ParsedJson(before);
  object["before_known"] = !before.empty();
}

void AddDiskFree(const Message& message, Json& object) {
  const auto& diagnosis = As<v1::DiagnoseResponse>(message);
  object["disk_free_bytes"] = diagnosis.disk_is_elsewhere() ? Json() : Json(diagnosis.disk_free_bytes());
}

void AddHoldName(const Message& message, Json& object) { object["hold"] = HoldName(As<v1::Hold>(message)); }

void AddDigest(const Message& message, Json& object) {
  object["digest"] =
      absl::StrCat(absl::Hex(As<v1::BackupResponse::Table>(message).digest(), absl::kZeroPad16));
}

/// Adds the position even if it is not set: every table has one.
void AddPosition(const Message& message, Json& object) {
  object["position"] = ToJson(As<v1::TableInfo>(message).position());
}

constexpr std::pair<std::string_view, Exception> kExceptions[] = {
    {"AuditRecord.seal", kNullIfEmpty},
    {"BackupResponse.Table.digest", {.add = AddDigest}},
    {"Change.key_columns", {.null_without = "keys_known"}},
    {"Change.keys", {.form = Form::kParsed, .null_without = "keys_known"}},
    {"Change.keys_known", kLeftOut},
    {"Change.columns", kNullIfEmpty},
    {"Change.cycle", kNullIfEmpty},
    {"Change.seq", {.null_without = "cycle"}},
    {"Change.committed", kLeftOut},
    {"Change.lsn", {.null_without = "committed"}},
    {"Change.receipt", kNullIfEmpty},
    {"Change.source_ms", kNullIfEmpty},
    {"Change.done_ms", {.null_without = "committed"}},
    {"DiagnoseResponse.disk_free_bytes", {.add = AddDiskFree}},
    {"DiagnoseResponse.disk_is_elsewhere", kLeftOut},
    {"Duplicate.data_source", kNullIfEmpty},
    {"ExplainRowResponse.Column.before", {.add = AddBefore}},
    {"GoldenAttribute.value", kParsedOrNull},
    {"GoldenAttribute.version_ms", kNullIfEmpty},
    {"GoldenAttribute.data_source", kNullIfEmpty},
    {"GoldenAttribute.table", kNullIfEmpty},
    {"GoldenAttribute.key", kParsedOrNull},
    {"GoldenDelivery.delivery_id", kNullIfEmpty},
    {"GoldenDelivery.key", kParsedOrNull},
    {"GoldenDelivery.tried_again_ms", kNullIfEmpty},
    {"GoldenDelivery.refusal", kNullIfEmpty},
    {"GoldenMember.key", kParsedOrNull},
    {"GoldenMember.touched_ms", kNullIfEmpty},
    {"GoldenOutcome.golden_id", kNullIfEmpty},
    {"HeldDelivery.delivery", {.add = AddDelivery<v1::HeldDelivery>}},
    {"Hold.hold_id", {.add = AddHoldName}},
    {"HubMemberState.context_id", kNullIfEmpty},
    {"HubMemberState.cycle", kNullIfEmpty},
    {"HubMemberState.read_ms", kNullIfEmpty},
    {"HubMemberState.suspended_ms", kNullIfEmpty},
    {"HubMemberState.trouble", kNullIfEmpty},
    {"HubMemberState.taking", kNullIfEmpty},
    {"HubMemberState.stopped", kNullIfEmpty},
    {"HubState.derived_ms", kNullIfEmpty},
    {"HubState.behind_since_ms", kNullIfEmpty},
    {"HubState.failing", kNullIfEmpty},
    {"HubState.failing_since_ms", kNullIfEmpty},
    {"HubState.trouble", kNullIfEmpty},
    {"KeyInfo.environment", kNullIfEmpty},
    {"KeyInfo.not_before", {.form = Form::kMilliseconds, .name = "not_before_ms"}},
    {"KeyInfo.not_after", {.form = Form::kMilliseconds, .name = "not_after_ms"}},
    {"KeyInfo.thumbprint", kNullIfEmpty},
    {"ListHeldResponse.held", {.name = "first"}},
    {"ReadRowHistoryResponse.Version.from_moment", kNullIfEmpty},
    {"ReadRowHistoryResponse.Version.to_moment", kNullIfEmpty},
    {"ReadRowHistoryResponse.Version.is_insert", {.add = AddOperation}},
    {"ReadRowHistoryResponse.Version.row", kParsed},
    {"RefusedDelivery.delivery", {.add = AddDelivery<v1::RefusedDelivery>}},
    {"RowDifference.key", kParsed},
    {"RowDifference.before", kParsedOrNull},
    {"RowDifference.after", kParsedOrNull},
    {"RowDifference.columns", kNullIfEmpty},
    {"ServerInfo.server_id", kNullIfEmpty},
    {"ServerInfo.rules", kNullIfEmpty},
    {"SourceForeignKey.on_delete", kLeftOut},
    {"SourceForeignKey.on_update", kLeftOut},
    {"TableIndexes.source_objects", {.add = AddSourceObjects}},
    {"TableInfo.position", {.add = AddPosition}},
    {"Tenant.door", kNullIfEmpty},
    {"TenantInHub.suspended_ms", kNullIfEmpty},
    {"TenantInHub.stopped", kNullIfEmpty},
    {"VerifiedMoment.proven_rows", {.null_without = "commit"}},
    {"VerifiedMoment.rows", {.null_without = "commit"}},
    {"VerifiedMoment.equal", {.null_without = "commit"}},
};

constexpr std::string_view kPackage = "mirror.v1.";

const Exception& ExceptionOf(const FieldDescriptor& field) {
  static const Exception kNone;
  static const std::map<std::string_view, Exception> kByName(std::begin(kExceptions), std::end(kExceptions));
  const auto found = kByName.find(std::string_view(field.full_name()).substr(kPackage.size()));
  return found == kByName.end() ? kNone : found->second;
}

/// Words for enum values that are not the names of the values.
constexpr std::pair<std::string_view, const char*> kWords[] = {
    {"COLLATION_UNSPECIFIED", "BINARY"}, {"COLLATION_BINARY", "BINARY"},
    {"COLLATION_NOCASE", "NOCASE"},      {"COLLATION_RTRIM", "RTRIM"},
    {"EQUALITY_UNSPECIFIED", "unknown"}, {"EQUALITY_COUNT_EQUAL", "same number of rows"},
    {"HELD_WHY_UNSPECIFIED", "dropped"}, {"HUB_TAKING_UNSPECIFIED", ""},
    {"UNTOLD_REASON_UNSPECIFIED", ""},
};

/// Returns the field's value or its default; for a repeated field the element at `index`.
Json ValueOf(const Message& message, const FieldDescriptor& field, int index) {
  const google::protobuf::Reflection& of = *message.GetReflection();
  const FieldDescriptor* const at = &field;
  const bool many = field.is_repeated();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return many ? of.GetRepeatedInt32(message, at, index) : of.GetInt32(message, at);
    case FieldDescriptor::CPPTYPE_INT64:
      return many ? of.GetRepeatedInt64(message, at, index) : of.GetInt64(message, at);
    case FieldDescriptor::CPPTYPE_UINT32:
      return many ? of.GetRepeatedUInt32(message, at, index) : of.GetUInt32(message, at);
    case FieldDescriptor::CPPTYPE_UINT64:
      return many ? of.GetRepeatedUInt64(message, at, index) : of.GetUInt64(message, at);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return many ? of.GetRepeatedDouble(message, at, index) : of.GetDouble(message, at);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return many ? of.GetRepeatedFloat(message, at, index) : of.GetFloat(message, at);
    case FieldDescriptor::CPPTYPE_BOOL:
      return many ? of.GetRepeatedBool(message, at, index) : of.GetBool(message, at);
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumWord(*field.enum_type(),
                      many ? of.GetRepeatedEnumValue(message, at, index) : of.GetEnumValue(message, at));
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text = many ? of.GetRepeatedString(message, at, index) : of.GetString(message, at);
      return field.type() == FieldDescriptor::TYPE_BYTES ? absl::BytesToHexString(text) : std::move(text);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (many) return ToJson(of.GetRepeatedMessage(message, at, index));
      return of.HasField(message, at) ? ToJson(of.GetMessage(message, at)) : Json();
  }
  return Json();
}

bool IsEmpty(const Json& value) { return value == "" || value == 0 || value == Json::array(); }

Json InForm(Form form, Json value) {
  if (form == Form::kAsItIs) return value;
  if (form != Form::kParsed && IsEmpty(value)) return Json();
  if (form == Form::kMilliseconds) return value.get<std::int64_t>() * 1'000;
  if (form == Form::kNullIfEmpty) return value;
  return ParsedJson(value.get_ref<const std::string&>());
}

Json FieldJson(const Message& message, const FieldDescriptor& field, Form form) {
  if (!field.is_repeated()) return InForm(form, ValueOf(message, field, 0));
  const int size = message.GetReflection()->FieldSize(message, &field);
  if (form == Form::kNullIfEmpty && size == 0) return Json();
  Json list = Json::array();
  for (int i = 0; i < size; ++i) {
    Json value = ValueOf(message, field, i);
    list.push_back(form == Form::kNullIfEmpty ? std::move(value) : InForm(form, std::move(value)));
  }
  return list;
}

std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

}  // namespace

Json ToJson(const Message& message) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  Json object = Json::object();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const Exception& exception = ExceptionOf(field);
    if (exception.form == Form::kLeftOut) continue;
    if (exception.add != nullptr) {
      exception.add(message, object);
      continue;
    }
    const bool is_null =
        exception.null_without != nullptr &&
        !message.GetReflection()->HasField(message, type.FindFieldByName(exception.null_without));
    object[exception.name == nullptr ? field.name() : exception.name] =
        is_null ? Json() : FieldJson(message, field, exception.form);
  }
  return object;
}

std::vector<std::string> JsonExceptions() {
  std::vector<std::string> names;
  for (const auto& [name, exception] : kExceptions) names.emplace_back(name);
  return names;
}

std::string EnumWord(const google::protobuf::EnumDescriptor& type, int number) {
  constexpr std::string_view kUnspecified = "UNSPECIFIED";
  const std::string& none = type.value(0)->name();
  const auto* const value = type.FindValueByNumber(number);
  const std::string& name = value == nullptr ? none : value->name();
  for (const auto& [value_name, word] : kWords) {
    if (value_name == name) return word;
  }
  if (name == none) return absl::StrCat(absl::AsciiStrToLower(type.name()), "-", number);
  return absl::AsciiStrToLower(name.substr(none.size() - kUnspecified.size()));
}

Json ParsedJson(const std::string& text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? Json(text) : json;
}

void PrintJson(std::ostream& out, const Json& json) { AsItIs(out) << Dump(json, 2) << '\n'; }

void PrintJsonLine(std::ostream& out, const Json& json) { AsItIs(out) << Dump(json, -1) << '\n'; }

}  // namespace mirror
