#include "base/http/multipart_header.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/utf8.h"

namespace mirror {
namespace {

/// Of RFC 9110.
bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  absl::AsciiStrToLower(&lower);
  return lower;
}

void SkipBlanks(std::string_view* text) {
  while (!text->empty() && (text->front() == ' ' || text->front() == '\t')) text->remove_prefix(1);
}

std::string_view TakeToken(std::string_view* text) {
  const auto end = std::find_if_not(text->begin(), text->end(), IsTokenCharacter);
  const std::string_view token = text->substr(0, static_cast<std::size_t>(end - text->begin()));
  text->remove_prefix(token.size());
  return token;
}

/// Behind its first quote. A backslash hides a quote or a backslash, and is itself before all else: old
/// programs write paths so.
std::optional<std::string> TakeQuoted(std::string_view* text) {
  std::string value;
  for (std::size_t i = 0; i < text->size(); ++i) {
    const char c = (*text)[i];
    if (c == '"') {
      text->remove_prefix(i + 1);
      return value;
    }
    const bool hides = c == '\\' && i + 1 < text->size() && ((*text)[i + 1] == '"' || (*text)[i + 1] == '\\');
    value.push_back(hides ? (*text)[++i] : c);
  }
  return std::nullopt;
}

absl::Status WrongPart(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("a part of the form ", std::string(why)));
}

/// Of one line; the others say nothing that changes how the part is read.
absl::Status TakeLine(std::string_view line, std::optional<HeaderValue>* disposition) {
  const std::size_t colon = line.find(':');
  std::string_view name = line.substr(0, std::min(colon, line.size()));
  const bool sound = colon != std::string_view::npos && !name.empty() &&
                     std::all_of(name.begin(), name.end(), IsTokenCharacter) && IsText(line) &&
                     std::none_of(line.begin(), line.end(), [](char c) { return IsControl(c) && c != '\t'; });
  if (!sound) return WrongPart("has a malformed header line; each is 'Name: value' in UTF-8, unfolded");
  const std::string lower = Lower(name);
  if (lower == "content-transfer-encoding") {
    const std::optional<HeaderValue> encoding = ParseHeaderValue(line.substr(colon + 1));
    const bool plain =
        encoding && (encoding->value == "binary" || encoding->value == "8bit" || encoding->value == "7bit");
    if (!plain) return WrongPart("has a Content-Transfer-Encoding; send it as it is");
  }
  if (lower != "content-disposition") return absl::OkStatus();
  if (*disposition) return WrongPart("has two Content-Dispositions");
  *disposition = ParseHeaderValue(line.substr(colon + 1));
  if (!*disposition || (*disposition)->value != "form-data") {
    return WrongPart("has a Content-Disposition that is not written as: form-data; name=\"...\"");
  }
  return absl::OkStatus();
}

}  // namespace

const std::string* HeaderValue::Find(std::string_view name) const {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [name](const auto& one) { return one.first == name; });
  return found == parameters.end() ? nullptr : &found->second;
}

std::optional<HeaderValue> ParseHeaderValue(std::string_view text) {
  HeaderValue value;
  SkipBlanks(&text);
  value.value = Lower(TakeToken(&text));
  if (value.value.empty()) return std::nullopt;
  if (!text.empty() && text.front() == '/') {
    text.remove_prefix(1);
    const std::string_view subtype = TakeToken(&text);
    if (subtype.empty()) return std::nullopt;
    value.value.append("/").append(Lower(subtype));
  }
  for (SkipBlanks(&text); !text.empty(); SkipBlanks(&text)) {
    if (text.front() != ';') return std::nullopt;
    text.remove_prefix(1);
    SkipBlanks(&text);
    if (text.empty()) break;  // A last ';' has nothing behind it.
    std::string name = Lower(TakeToken(&text));
    if (name.empty() || text.empty() || text.front() != '=' || value.Find(name) != nullptr)
      return std::nullopt;
    text.remove_prefix(1);
    std::optional<std::string> content;
    if (!text.empty() && text.front() == '"') {
      text.remove_prefix(1);
      content = TakeQuoted(&text);
    } else {
      content = TakeToken(&text);
      if (content->empty()) return std::nullopt;
    }
    if (!content) return std::nullopt;
    value.parameters.emplace_back(std::move(name), *std::move(content));
  }
  return value;
}

absl::StatusOr<PartHeader> ParsePartHeader(std::string_view header) {
  std::optional<HeaderValue> disposition;
  while (!header.empty()) {
    const std::size_t end = header.find("\r\n");
    if (end == std::string_view::npos) return WrongPart("has a header whose lines do not end");
    RETURN_IF_ERROR(TakeLine(header.substr(0, end), &disposition));
    header.remove_prefix(end + 2);
  }
  if (!disposition) return WrongPart("has no Content-Disposition: form-data; name=\"...\"");
  const std::string* const name = disposition->Find("name");
  if (name == nullptr || name->empty()) return WrongPart("has no name");
  // Both forms of the file's name: programs differ in which of them counts.
  const std::string* const file_name = disposition->Find("filename");
  const bool extended = disposition->Find("filename*") != nullptr;
  PartHeader part{*name, std::nullopt};
  if (file_name != nullptr || extended) part.file_name = file_name != nullptr ? *file_name : std::string();
  return part;
}

}  // namespace mirror
