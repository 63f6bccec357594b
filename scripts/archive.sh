# shellcheck shell=sh disable=SC2034 # variables of the script
# Which archive has a release of Debian or Ubuntu.  Read by `.`, in a script of this folder that has `skip`.

# archive_of RELEASE: sets $distribution, $url, and $keyring to what verifies its signature.
archive_of() {
  case $1 in
    bionic* | focal* | jammy* | noble*)
      distribution=ubuntu
      url=http://archive.ubuntu.com/ubuntu
      # Debian has Ubuntu's keys.
      keyring=$("${0%/*}/debian-package" trixie ubuntu-keyring) || skip "${keyring#skipped: }"
      keyring=$keyring/usr/share/keyrings/ubuntu-archive-keyring.gpg
      ;;
    *)
      distribution=debian
      # The mirror that this machine uses for Debian itself.
      url=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | sed 's/#.*//' |
        grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ')
      url=${url:-http://deb.debian.org/debian}
      keyring=/usr/share/keyrings/debian-archive-keyring.gpg
      ;;
  esac
  [ -r "$keyring" ] || skip "$keyring is not there to verify the archive's signature with"
}
