#include "cloud/commands/args.h"

int main(int argc, char **argv)
{
    return sedge_cloud_main(argc, argv);
}
