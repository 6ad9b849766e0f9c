#include "tools/mirrorctl/control_config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

constexpr std::uintmax_t kFileBytesMax = 1 << 20;
constexpr char kTable[] = "endpoint";
constexpr char kAudit[] = "audit";

std::string KindOf(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

/// "127.0.0.1:7444", "mirror.example.org:7444", "[::1]:7444".
bool IsHostAndPort(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  int port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) return false;
  if (port < 1 || port > 65'535) return false;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  return !host.empty() && std::all_of(host.begin(), host.end(), [bracketed](char character) {
    const auto c = static_cast<unsigned char>(character);
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_' ||
           (bracketed && (c == ':' || c == '%'));
  });
}

struct Key {
  std::string table, name;
  std::string* value;
  bool is_path = true;
  bool needed = true;
};

class Loader {
 public:
  Loader(const std::string& file, std::filesystem::path folder) : folder_(std::move(folder)) {
    config_.file = file;
  }

  absl::StatusOr<ControlConfig> Load(const toml::table& root) {
    for (const auto& [key, node] : root) {
      if (key.str() == kTable || key.str() == kAudit) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(At(key.source()), "'", std::string(key.str()),
                       "' is not a table of this file; there are [endpoint] and [audit]"));
    }
    for (const char* const name : {kTable, kAudit}) {
      const toml::node* const node = root.get(name);
      if (node == nullptr) continue;
      if (!node->is_table()) {
        return absl::InvalidArgumentError(
            absl::StrCat(At(node->source()), "'", name, "' must be a table, written as [", name, "]"));
      }
      if (absl::Status status = FromFile(name, *node->as_table()); !status.ok()) return status;
    }
    for (const Key& key : keys_) {
      if (absl::Status status = FromEnvironment(key); !status.ok()) return status;
      if (!key.value->empty() || !key.needed) continue;
      const toml::node* const node = root.get(key.table);
      const std::string at = node == nullptr ? config_.file + ": " : At(node->source());
      return absl::InvalidArgumentError(absl::StrCat(
          at, "[", key.table, "] '", key.name, "' is missing (it may also come from ", Variable(key), ")"));
    }
    return config_;
  }

 private:
  std::string At(const toml::source_region& region) const {
    return absl::StrCat(config_.file, ":", region.begin.line, ": ");
  }

  static std::string Variable(const Key& key) {
    return absl::AsciiStrToUpper(absl::StrCat("MIRRORCTL_", key.table, "_", key.name));
  }

  absl::Status FromFile(const std::string& section, const toml::table& table) {
    for (const auto& [name, node] : table) {
      const std::string where =
          absl::StrCat(At(name.source()), "[", section, "] '", std::string(name.str()), "' ");
      const auto key =
          std::find_if(std::begin(keys_), std::end(keys_), [&section, &name = name](const Key& known) {
            return known.table == section && known.name == name.str();
          });
      if (key == std::end(keys_)) {
        return absl::InvalidArgumentError(
            absl::StrCat(where, section == kTable ? "is not a key; there are address, ca, certificate, key"
                                                  : "is not a key; there is certificate"));
      }
      const auto* const text = node.as_string();
      if (text == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat(where, "must be a text, not ", KindOf(node)));
      }
      if (absl::Status status = Set(*key, where, text->get()); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status FromEnvironment(const Key& key) {
    const std::string variable = Variable(key);
    const char* const text = std::getenv(variable.c_str());
    if (text == nullptr || *text == '\0') return absl::OkStatus();
    return Set(key, variable + " ", text);
  }

  absl::Status Set(const Key& key, const std::string& where, const std::string& text) {
    if (text.empty()) return absl::InvalidArgumentError(where + "must not be empty");
    if (text.find('\0') != std::string::npos) {
      return absl::InvalidArgumentError(where + "must not hold a NUL character");
    }
    if (!key.is_path && !IsHostAndPort(text)) {
      return absl::InvalidArgumentError(absl::StrCat(
          where, "must be host:port, as \"127.0.0.1:7444\" or \"[::1]:7444\", not '", text, "'"));
    }
    *key.value = key.is_path ? (folder_ / text).lexically_normal().string() : text;
    return absl::OkStatus();
  }

  const std::filesystem::path folder_;
  ControlConfig config_;
  const Key keys_[5] = {{kTable, "address", &config_.address, false},
                        {kTable, "ca", &config_.tls.ca},
                        {kTable, "certificate", &config_.tls.certificate},
                        {kTable, "key", &config_.tls.key},
                        {kAudit, "certificate", &config_.audit_certificate, true, false}};
};

}  // namespace

absl::StatusOr<ControlConfig> LoadControlConfig(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat(
        "'", path, "' is not there: name the configuration with --config or in MIRRORCTL_CONFIG ('mirrorctl ",
        "init' writes one)"));
  }
  std::ifstream file(path);
  std::ostringstream text;
  const bool small = std::filesystem::is_regular_file(path, error) &&
                     std::filesystem::file_size(path, error) <= kFileBytesMax && file.is_open();
  // An empty file is one, and not an error of reading.
  if (!small || (file.peek() != std::ifstream::traits_type::eof() && !(text << file.rdbuf()))) {
    return absl::PermissionDeniedError(absl::StrCat(
        "'", path, "' cannot be read: check that it is a file with a configuration, and its permissions"));
  }
  const std::filesystem::path folder = std::filesystem::absolute(path, error).parent_path();
  try {
    return Loader(path, folder).Load(toml::parse(text.str(), path));
  } catch (const toml::parse_error& wrong) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", wrong.source().begin.line, ": not TOML: ", std::string(wrong.description())));
  }
}

}  // namespace mirror
