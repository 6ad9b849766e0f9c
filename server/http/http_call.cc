#include "server/http/http_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/utf8.h"
#include "certs/openssl.h"

namespace mirror {

std::optional<std::string> HttpCall::Query(std::string_view name) const {
  const std::vector<std::string> all = target.All(name);
  return all.empty() ? std::nullopt : std::optional(all.front());
}

absl::StatusOr<AskedPage> PageOf(const HttpCall& call) {
  AskedPage page;
  if (const std::optional<std::string> limit = call.Query("limit")) {
    std::int64_t number = 0;
    const bool is_number = std::all_of(limit->begin(), limit->end(), absl::ascii_isdigit);
    if (!is_number || !absl::SimpleAtoi(*limit, &number) || number < 1 ||
        number > static_cast<std::int64_t>(kPageMax)) {
      return absl::InvalidArgumentError(
          absl::StrCat("'limit' is a number from 1 to ", kPageMax, ". Nothing was read."));
    }
    page.limit = static_cast<std::size_t>(number);
  }
  page.start_after = call.Query("startAfter");
  return page;
}

absl::StatusOr<bool> ErasesNow(const HttpCall& call) {
  const std::optional<std::string> erase = call.Query("erase");
  if (!erase) return false;
  if (*erase == "now") return true;
  return absl::InvalidArgumentError("'erase' can only be 'now'. Nothing was done.");
}

absl::StatusOr<JsonDocument> JsonBody(const HttpCall& call) {
  absl::StatusOr<JsonDocument> document = JsonDocument::Parse(call.body);
  if (!document.ok()) {
    const bool has_records = call.body.find("\"record\"") != std::string::npos;
    return absl::InvalidArgumentError(absl::StrCat(
        "the body cannot be taken: ", std::string(document.status().message()), ". Nothing was done.",
        has_records ? " 'record' is a string: escape its quotes with a backslash." : ""));
  }
  if (!document->root().Is(JsonKind::kObject))
    return absl::InvalidArgumentError("the body is not a JSON object. Nothing was done.");
  return document;
}

absl::StatusOr<std::optional<std::string>> TextMember(const JsonView& object, std::string_view name) {
  const std::optional<JsonView> found = object.Find(name);
  if (!found || found->Is(JsonKind::kNull)) return std::optional<std::string>();
  if (!found->Is(JsonKind::kString))
    return absl::InvalidArgumentError(
        absl::StrCat("'", std::string(name), "' is not a text. Nothing was done."));
  return std::optional(std::string(found->text()));
}

void Warnings::AddText(std::string text) {
  if (texts_.size() == kWarningsMax) {
    ++more_;
  } else {
    texts_.push_back(std::move(text));
  }
}

void Warnings::Add(std::string_view what, std::string_view name) {
  constexpr std::size_t kShownMax = 64;
  // A text in a form need not be UTF-8.
  const std::string shown = IsText(name) ? std::string(CutUtf8(name, kShownMax)) : "(not UTF-8)";
  AddText(absl::StrCat(std::string(what), " '", shown, "' is not known, and was ignored"));
}

void Warnings::AddMember(std::string_view name) { Add("member", name); }
void Warnings::AddFeature(std::string_view name) { Add("feature", name); }

void Warnings::AddUnknown(const JsonView& object, const std::vector<std::string_view>& known) {
  for (const auto& [name, value] : object.Members()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) AddMember(name);
  }
}

void Warnings::WriteTo(JsonWriter* json) const {
  if (texts_.empty()) return;
  json->Key("warnings").Begin('[');
  for (const std::string& text : texts_) json->String(text);
  if (more_ > 0) json->String(absl::StrCat("and ", more_, " more"));
  json->End(']');
}

absl::StatusOr<std::vector<std::string>> FeaturesOf(const JsonView& object,
                                                    const std::vector<std::string_view>& known,
                                                    Warnings* warnings) {
  std::vector<std::string> features;
  const std::optional<JsonView> found = object.Find("featuresOn");
  if (!found || found->Is(JsonKind::kNull)) return features;
  if (!found->Is(JsonKind::kArray))
    return absl::InvalidArgumentError("'featuresOn' is not a list. Nothing was done.");
  for (const JsonView& feature : found->Elements()) {
    if (!feature.Is(JsonKind::kString))
      return absl::InvalidArgumentError("'featuresOn' is not a list of texts. Nothing was done.");
    const std::string_view name = feature.text();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      warnings->AddFeature(name);
    } else if (!Has(features, name)) {
      features.emplace_back(name);
    }
  }
  return features;
}

bool Has(const std::vector<std::string>& features, std::string_view feature) {
  return std::find(features.begin(), features.end(), feature) != features.end();
}

void BeginPage(const AskedPage& asked, const std::optional<std::string>& next, std::uint64_t total,
               JsonWriter* json) {
  json->Begin('{').Member("limit", static_cast<std::uint64_t>(asked.limit));
  const auto text_or_null = [&](std::string_view name, const std::optional<std::string>& text) {
    json->Key(name);
    if (text) {
      json->String(*text);
    } else {
      json->Null();
    }
  };
  text_or_null("startAfter", asked.start_after);
  text_or_null("nextStartAfter", next);
  json->Member("total", total);
}

absl::StatusOr<std::optional<RememberedRequest>> RememberOf(const HttpCall& call, std::string_view what,
                                                            std::string_view of_whom, std::string_view body) {
  constexpr std::size_t kKeyBytesMax = 64;
  const std::string* const key = call.head.Find(HttpFieldName::kIdempotencyKey);
  if (key == nullptr) return std::optional<RememberedRequest>();
  const auto is_shown = [](char c) { return absl::ascii_isprint(static_cast<unsigned char>(c)); };
  if (key->empty() || key->size() > kKeyBytesMax || !std::all_of(key->begin(), key->end(), is_shown)) {
    return absl::InvalidArgumentError(
        absl::StrCat("an Idempotency-Key has 1 to ", kKeyBytesMax,
                     " characters of ASCII, and no control character. Nothing was done."));
  }
  RememberedRequest remember;
  remember.id = absl::BytesToHexString(Sha256(absl::StrCat(call.key->name, "\n", std::string(what), "\n",
                                                           FoldName(std::string(of_whom)), "\n", *key)));
  remember.body_hash = absl::BytesToHexString(Sha256(body));
  return std::optional(std::move(remember));
}

}  // namespace mirror
